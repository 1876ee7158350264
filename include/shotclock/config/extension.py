"""What a project may add to the package: a Python package beside its file, named by the section `demonstration`.

`demonstration: {court: ...}` names the package `court`. In it stands a class `Project`, derived from
`shotclock.config.Project`, which may say three things of its own: what the section `demonstration` holds, the `periods`
by which a history is cut, and a `trial` for the dashboard. It is imported whenever the file is read, by every DAG file
too: what is heavy, such as numpy or Streamlit, is imported in `trial` and no earlier. See docs/extensions.md.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from typing import Protocol, TypeVar

from shotclock.errors import ConfigError

Base = TypeVar("Base")
Value = float | str | None
"""What an input of a model takes: a number, the text of a category, or nothing where a value may be missing."""
Period = Callable[[int, int], str]
"""What the stretch of time is called that a month is part of, of year and month. Names sort as time does."""

_ENTRY = "__init__.py"
_NUMBERS = count()
_FAULTS = (
    ImportError,
    SyntaxError,
    NameError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    OSError,
)


def month(year: int, month: int) -> str:
    """The calendar month itself: `1996-11`."""
    return f"{year:04d}-{month:02d}"


class Version(Protocol):
    """A model version, as a trial asks it."""

    @property
    def number(self) -> str:
        """As it is registered."""

    def probability(self, rows: Sequence[Mapping[str, Value]]) -> list[float]:
        """P(target = 1) of each row, which holds all of the version's inputs."""


class Trial(Protocol):
    """A way to ask for some inputs of one prediction, drawn by Streamlit on the page *Try it*, in the order of these calls."""

    @property
    def features(self) -> Sequence[str]:
        """The inputs that `ask` gives; the page's form asks for the others."""

    def ask(self) -> dict[str, float]:
        """Beside the picture, above the form: what the visitor has chosen, for each of `features`."""

    def draw(self, champion: Version, others: Mapping[str, Value]) -> None:
        """The picture on the left, for the values of the other inputs; a click on it may change what `ask` gives."""

    def draw_below(self, roles: Mapping[str, str]) -> None:
        """The rest of the page. `roles` are the numbers of the versions `champion` and `previous`, as far as there are any."""


def packages(folder: Path) -> dict[str, Path]:
    """The Python packages in a folder of project files, by name."""
    return {entry.parent.name: entry.parent for entry in sorted(folder.glob(f"*/{_ENTRY}"))}


def load(package: Path, base: type[Base]) -> type[Base]:
    """The class `Project` of the package in that folder, which must derive from `base`. Imported once in a process.

    Raises:
        ConfigError: the package cannot be imported, or holds no such class.
    """
    found = _project(package.resolve())
    if isinstance(found, type) and issubclass(found, base):
        return found
    raise ConfigError(
        f"{package / _ENTRY}: found no class 'Project' that derives from shotclock.config.Project, expected one"
    )


@lru_cache(maxsize=256)
def _project(package: Path) -> object:
    name = f"shotclock_extension_{next(_NUMBERS)}_{package.name}"  # of no other module, whatever folders are called
    spec = spec_from_file_location(name, package / _ENTRY, submodule_search_locations=[str(package)])
    assert spec and spec.loader
    sys.modules[name] = module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except _FAULTS as error:
        del sys.modules[name]
        found = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{package / _ENTRY}: cannot be imported: {found}; correct it, or remove the section that names it"
        ) from error
    return getattr(module, "Project", None)
