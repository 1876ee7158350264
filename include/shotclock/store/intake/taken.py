"""Files of other kinds than parquet, as the parquet files that they are read from: one for each state of a file."""

import hashlib

from shotclock.config import Project, settings
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.sources import exports


def as_parquet(project: Project, address: Address) -> Address:
    """The file itself where it is parquet; else what it says, by the project's `reading`, under `data/<project>/taken`.

    Raises:
        SourceError: it is missing, cannot be read, or is still being written.
        ContractError: a value is not what its column holds.
    """
    if not storage.exists(address) or (exports.is_parquet(address) and not _lacks_time(project, address)):
        return address
    state = [str(address), str(storage.changed(address)), str(storage.size(address))]
    rules = [project.reading.model_dump_json(), project.columns.model_dump_json()]
    key = hashlib.sha256("\n".join([*state, *rules]).encode()).hexdigest()[:12]
    target = settings().data / project.name / "taken" / f"{address.name}-{key}.parquet"
    with storage.locked(target.parent / ".lock"):
        if not storage.exists(target):
            exports.write_parquet(address, project.columns, project.reading, target)
    return target


def _lacks_time(project: Project, address: Address) -> bool:
    """Whether its rows are to get the time that is plain row order: that of a file which was made by `init` is in it."""
    if not project.reading.row_order:
        return False
    with storage.open_parquet(address) as file:
        return project.columns.time not in file.schema_arrow.names
