"""What may keep Shotclock from running here: findings, each with its remedy. Nothing is changed.

Other distributions add checks by an entry point in the group `shotclock.doctor`: a function without arguments that gives
findings. The launcher does so for what only it knows: ports, its lock, Airflow's database.
"""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, metadata, version
from pathlib import Path
from typing import Literal, get_args

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from shotclock.config import Role, settings, usable_projects
from shotclock.errors import ShotclockError
from shotclock.sources import find

State = Literal["ok", "warning", "broken"]

GROUP = "shotclock.doctor"
_LOCK = Path(__file__).parents[3] / "requirements.txt"
_PINNED = re.compile(r"^[A-Za-z0-9].*==[^\\\n]*", re.MULTILINE)
_LOW_SPACE, _NO_SPACE = 5e9, 5e8  # bytes; a run of 50 million rows writes about 1e9


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where nothing is to be done."""

    what: str
    state: State
    found: str
    remedy: str = ""


Check = Callable[[], Iterable[Finding]]


def examine() -> list[Finding]:
    """Every finding, in the order in which things depend on one another."""
    added: list[Check] = [entry.load() for entry in entry_points(group=GROUP)]
    checks: list[Check] = [python, packages, space, project_files, pycaret, raw_files, store, *added]
    return [finding for check in checks for finding in check()]


def python() -> Iterator[Finding]:
    found, wanted = platform.python_version(), metadata("shotclock")["Requires-Python"]
    fits = SpecifierSet(wanted).contains(".".join(found.split(".")[:2]))
    remedy = "" if fits else f"make env, which makes .venv with a Python {wanted}; then call .venv/bin/shotclock"
    yield Finding("Python", "ok" if fits else "broken", found, remedy)


def packages() -> Iterator[Finding]:
    """The installed packages against the lock of the checkout, where there is one."""
    if not _LOCK.is_file():
        yield Finding("packages", "warning", f"no {_LOCK} to compare with", "")
        return
    lines = map(Requirement, _PINNED.findall(_LOCK.read_text(encoding="utf-8")))
    wanted = {line.name: str(line.specifier)[2:] for line in lines if line.marker is None or line.marker.evaluate()}
    wrong = [told for name, pinned in wanted.items() if (told := _difference(name, pinned))]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        yield Finding("packages", "broken", f"{', '.join(wrong[:5])}{more}", "make env, which installs the lock")
    else:
        yield Finding("packages", "ok", f"{len(wanted)} as the lock says")


def _difference(name: str, pinned: str) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing (the lock: {pinned})"
    return "" if found == pinned else f"{name} {found} (the lock: {pinned})"


def space() -> Iterator[Finding]:
    """Where things are written: is it there, may it be written to, is there room."""
    for what, folder in (("var", settings().home / "var"), ("data", settings().data)):
        if not isinstance(folder, Path):
            yield Finding(what, "ok", f"{folder}, an object store: not looked at")
            continue
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not _is_writable(there):
            yield Finding(what, "broken", f"{there} cannot be written to", "change its owner, or set SHOTCLOCK_HOME")
            continue
        free = shutil.disk_usage(there).free
        state: State = "broken" if free < _NO_SPACE else "warning" if free < _LOW_SPACE else "ok"
        remedy = "" if state == "ok" else f"make room: old runs lie in {settings().data}/<project>/runs"
        yield Finding(what, state, f"{folder}: {free / 1e9:,.1f} GB free", remedy)
    source = settings().data_source
    if isinstance(source, Path) and not source.is_dir():
        yield Finding("SHOTCLOCK_DATA_DIR", "broken", f"{source} is no folder", "name one that exists, or unset it")


def _is_writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def project_files() -> Iterator[Finding]:
    usable, faults = usable_projects()
    for error in faults:
        for line in str(error).splitlines():
            yield Finding("project file", "broken", line, "correct it: docs/project-file.md; no DAG is read until then")
    if usable:
        yield Finding("project file", "ok", ", ".join(project.name for project in usable))
    elif not faults:
        found = f"none in {settings().projects}"
        yield Finding("project file", "broken", found, "shotclock init, or set SHOTCLOCK_PROJECTS")


def pycaret() -> Iterator[Finding]:
    """PyCaret's own environment, where a project asks for it."""
    asking = [project.name for project in usable_projects()[0] if project.training.backend == "pycaret"]
    if not asking:
        return
    from shotclock.models.candidates.pycaret_backend import REMEDY, installed

    what, interpreter = f"PyCaret, for {', '.join(asking)}", settings().pycaret_python
    try:
        yield Finding(what, "ok", f"{installed(interpreter)}, {interpreter}")
    except ShotclockError as error:
        yield Finding(what, "broken", str(error).removesuffix(f"; {REMEDY}"), REMEDY)


def raw_files() -> Iterator[Finding]:
    for project in usable_projects()[0]:
        for role in get_args(Role):
            what = f"{project.name}, {role}"
            try:
                source = find.in_place(project, role, settings())
            except ShotclockError as error:
                yield Finding(what, "broken", str(error), "delete the file, then make data")
                continue
            if source is None:
                yield Finding(
                    what, "warning", "the raw file is not there yet", "make data; the first run brings it, too"
                )
            elif source.synthetic:
                found = f"{source.path} is a SYNTHETIC SAMPLE, not real data"
                yield Finding(what, "warning", found, "delete it, then make data, with a network or SHOTCLOCK_DATA_DIR")
            else:
                yield Finding(what, "ok", str(source.path))


def store() -> Iterator[Finding]:
    from shotclock.store.server import database
    from shotclock.store.versions import registry

    found, fault = database.look_at_store()
    uri = settings().tracking_uri
    remedies = {
        "missing": "the first run, or make up, makes it",
        "outdated": f"stop everything, copy the database, then: .venv/bin/mlflow db upgrade {uri}",
        "unreachable": "see that it runs and that MLFLOW_TRACKING_URI names it",
    }
    state: State = "ok" if not fault else "warning" if fault == "missing" else "broken"
    yield Finding("MLflow store", state, f"{uri}: {found}", remedies.get(fault, ""))
    if fault in ("", "missing"):
        names = [project.name for project in usable_projects()[0]]
        serving = {} if fault else registry.champions(names)
        for lost in (name for name in names if name not in serving and registry.is_lost(name)):
            problem, _, remedy = registry.nobody(lost).partition(". ")
            yield Finding("MLflow store", "broken", problem, remedy)
