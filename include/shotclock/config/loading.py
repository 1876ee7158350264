"""Project files by name: one, all, or all that can be used."""

import difflib
from functools import lru_cache
from pathlib import Path

from shotclock.config import extension
from shotclock.config.environment import settings
from shotclock.config.reading import YamlFile
from shotclock.config.sections import Project
from shotclock.errors import ConfigError


def load_project(path: Path) -> Project:
    """Read one project file.

    Raises:
        ConfigError: the file is missing, is not YAML, or a key or value in it is refused; the message names file, line,
            field, what was found and what is allowed.
    """
    file = YamlFile.read(path)
    project = file.validated(_model(file))
    if project.name != path.stem:
        raise file.fault(["name"], f"found '{project.name}', allowed: '{path.stem}', as the file is called")
    return project


def _model(file: YamlFile) -> type[Project]:
    """What describes the file: the class of the extension that its section `demonstration` names, where there is one."""
    section = file.content.get("demonstration") if isinstance(file.content, dict) else None
    if section is None:
        return Project
    found = ", ".join(map(str, section)) if isinstance(section, dict) else str(section)
    packages = extension.packages(file.path.parent)
    if found not in packages:
        allowed = " or ".join(packages) or "nothing, for there is no extension beside the file"
        raise file.fault(["demonstration"], f"found '{found}', allowed: {allowed}; see docs/extensions.md")
    return extension.load(packages[found], Project)


@lru_cache(maxsize=256)
def project(name: str, folder: Path | None = None) -> Project:
    """The project called `name` (cached for the life of the process)."""
    return _as_it_is((folder or settings().projects) / f"{name}.yaml")


def projects(folder: Path | None = None) -> list[Project]:
    """Every project, in the order of their names."""
    return [load_project(path) for path in sorted((folder or settings().projects).glob("*.yaml"))]


def project_names(folder: Path | None = None) -> list[str]:
    """What the project files are called, in order, whatever is in them."""
    return sorted(path.stem for path in (folder or settings().projects).glob("*.yaml"))


def unknown_project(name: str) -> str:
    """What is said to who asks for a project that there is none of: the names that there are."""
    names = project_names()
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    problem = f"found '{name}', expected" if name else "name"
    there = (
        f"one of {', '.join(names)}" if names else "a project, and there is none yet: make one with `shotclock init`"
    )
    return f"{problem} {there}{hint}"


def usable_projects(name: str = "*", folder: Path | None = None) -> tuple[list[Project], list[ConfigError]]:
    """The projects whose files can be used, in the order of their names, and what is wrong with each of the others.

    A file counts as it is now, and is read again only when it was changed.

    Args:
        name: of the one project to look at; by default all of them.
    """
    usable, faults = [], []
    for path in sorted((folder or settings().projects).glob(f"{name}.yaml")):
        try:
            usable.append(_as_it_is(path))
        except ConfigError as error:
            faults.append(error)
    return usable, faults


def _as_it_is(path: Path) -> Project:
    try:
        state = path.stat()
    except OSError:
        return load_project(path)  # which says what is wrong
    return _loaded(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _loaded(path: Path, changed: int, size: int) -> Project:
    return load_project(path)
