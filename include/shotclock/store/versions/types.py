"""The types that a project's rows have: those of the rows that its champion has learnt from."""

import pyarrow as pa

from shotclock.config import Project
from shotclock.files import dataset, storage
from shotclock.rows import types
from shotclock.store.versions import registry


def learnt(project: Project, version: registry.Version | None = None) -> pa.Schema | None:
    """The types of the project's columns, by the version, or by the champion; None where it says nothing of its rows.

    Raises:
        SourceError: the file of the rows that it learnt from is missing or damaged.
    """
    version = version or registry.champion(project.name)
    if version is None or not version.origin.rows_path:
        return None
    known, columns = dataset.schema(storage.at(version.origin.rows_path)), project.columns
    return types.of(columns, known) if {columns.id, columns.time} <= set(known.names) else None
