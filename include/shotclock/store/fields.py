"""How a record's fields are kept in an MLflow run: as tags, parameters and metrics, and read back to the same types.

class Alert(Record):
    kind = "alert"
    reason: Annotated[str, Tag()]
    answers: Annotated[tuple[str, ...], Tag(joined=",")] = ()
    figures: Annotated[dict[str, float], Metrics()]
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from shotclock import spelling
from shotclock.store.server.client import TAG

T = TypeVar("T")


@dataclass(frozen=True)
class Tag:
    """One tag, by default called as the field. `joined` is what stands between several values in it."""

    name: str = ""
    joined: str = ""


@dataclass(frozen=True)
class Param:
    """One parameter, by default called as the field. `none` is the text that stands for None; without one it is left out."""

    name: str = ""
    none: str = ""


@dataclass(frozen=True)
class Metric:
    """One metric, by default called as the field."""

    name: str = ""


@dataclass(frozen=True)
class Params:
    """All parameters that no other field names, as a mapping."""


@dataclass(frozen=True)
class Metrics:
    """All metrics whose names begin so and that no other field names, as a mapping of what follows."""

    prefix: str = ""


Mark = Tag | Param | Metric | Params | Metrics
Fields = tuple[tuple[Field[Any], tuple[Mark, ...]], ...]


_SAID = ("reason", "why", "by")  # fields in which people's own words stand
_LINE_ENDS = "\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@dataclass(frozen=True)
class Values:
    """What is written to a run, or was read from one. Tags bear no prefix here."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def written(record: object) -> Values:
    """The parameters, metrics and tags that hold the record. A field that is None leaves none."""
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}
    for field, marks in _marked(type(record)):
        value = getattr(record, field.name)
        for mark in marks:
            if isinstance(mark, Params):
                params |= {name: str(each) for name, each in value.items()}
            elif isinstance(mark, Metrics):
                metrics |= {spelling.written(f"{mark.prefix}{name}"): float(each) for name, each in value.items()}
            elif isinstance(mark, Param) and (value is not None or mark.none):
                params[mark.name or field.name] = mark.none if value is None else str(value)
            elif value is not None and isinstance(mark, Metric):
                metrics[mark.name or field.name] = float(value)
            elif value is not None and isinstance(mark, Tag):
                tags[mark.name or field.name] = mark.joined.join(value) if mark.joined else str(value)
    return Values(params, metrics, tags)


def read(kind: type[T], values: Values) -> T:
    """The record that these values hold.

    Raises:
        ValueError: a value is missing that the record needs, or is not of its type: which, found and expected.
    """
    found: dict[str, Any] = {}
    for field, marks in _marked(kind):
        value = _kept(field.name, marks[0], values, _claimed(kind))
        if value is not MISSING:
            found[field.name] = visible(value) if field.name in _SAID and isinstance(value, str) else value
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"no {_called(field.name, marks[0])}")
    try:
        return cast(T, _adapter(kind).validate_python(found))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: found {first['input']!r}: {first['msg']}") from error


def visible(text: str) -> str:
    """A text in one line, as it is read: marks that nobody sees, or that turn its direction, are written out, line ends are
    spaces. Otherwise a reason could show as further lines of a history, or as another reason."""
    return "".join(map(_seen, text))


def _seen(mark: str) -> str:
    if mark in _LINE_ENDS:
        return " "
    return mark.encode("unicode_escape").decode() if unicodedata.category(mark)[0] == "C" else mark


def names(kind: type) -> dict[str, tuple[Mark, ...]]:
    """Each field's name with the way in which it is kept: for the table in the documentation."""
    return {field.name: marks for field, marks in _marked(kind)}


def tag_name(kind: type, field: str) -> str:
    """The name of the tag that holds `field`, with its prefix.

    Raises:
        KeyError: the record has no such field, or keeps it otherwise.
    """
    marks = [mark for mark in names(kind)[field] if isinstance(mark, Tag)]
    if not marks:
        raise KeyError(f"{kind.__name__}.{field} is not kept as a tag")
    return f"{TAG}{marks[0].name or field}"


def _kept(name: str, mark: Mark, values: Values, claimed: frozenset[str]) -> Any:
    if isinstance(mark, Params):
        return {key: value for key, value in values.params.items() if key not in claimed}
    if isinstance(mark, Metrics):
        return {
            spelling.read(key).removeprefix(mark.prefix): value
            for key, value in values.metrics.items()
            if key.startswith(mark.prefix) and key not in claimed
        }
    if isinstance(mark, Metric):
        return values.metrics.get(mark.name or name, MISSING)
    if isinstance(mark, Param):
        value = values.params.get(mark.name or name, MISSING)
        return None if mark.none and value == mark.none else value
    text = values.tags.get(mark.name or name, MISSING)
    return tuple(part for part in text.split(mark.joined) if part) if isinstance(text, str) and mark.joined else text


def _called(name: str, mark: Mark) -> str:
    own = getattr(mark, "name", "") or name
    return f"tag {TAG}{own}" if isinstance(mark, Tag) else f"{type(mark).__name__.lower()} {own}"


def _find_marks(kind: Any) -> Fields:
    """The fields of a record with their marks; the first one says where it is read."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in fields(kind):
        marks = tuple(mark for mark in get_args(hints[field.name])[1:] if isinstance(mark, Mark))
        if marks:
            found.append((field, marks))
    return tuple(found)


def _find_claimed(kind: Any) -> frozenset[str]:
    """The names that single fields take, so that what gathers the rest leaves them out."""
    single = (
        (field.name, mark) for field, marks in _marked(kind) for mark in marks if isinstance(mark, Param | Metric)
    )
    return frozenset(mark.name or name for name, mark in single)


_marked: Callable[[Any], Fields] = cache(_find_marks)
_claimed: Callable[[Any], frozenset[str]] = cache(_find_claimed)
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
