"""A synthetic sample, drawn from a recipe with a fixed seed: what stands in for raw files that cannot be had.

Every column is drawn from a random stream of its own, so a change to one column leaves the others as they were.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from shotclock.config import load_yaml
from shotclock.errors import ConfigError
from shotclock.sources import formula

MARK = b"shotclock.synthetic"
"""The key in a parquet file's schema metadata that tells a synthetic sample from a real file."""

Random = np.random.Generator
Values = np.ndarray[Any, Any]
Scalar = str | int | float
_ARROW = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Normal(_Part):
    """Normal, cut to `min` and `max`."""

    mean: float
    std: float = Field(gt=0)
    min: float | None = None
    max: float | None = None

    def draw(self, random: Random, rows: int) -> Values:
        low = -np.inf if self.min is None else self.min
        high = np.inf if self.max is None else self.max
        return np.clip(random.normal(self.mean, self.std, rows), low, high)


class Uniform(_Part):
    """Uniform from `low` up to, but not including, `high`."""

    low: float
    high: float

    def draw(self, random: Random, rows: int) -> Values:
        return random.uniform(self.low, self.high, rows)


class Integers(_Part):
    """Whole numbers from `low` to `high`, both included, all equally likely."""

    low: int
    high: int

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"found low {self.low} and high {self.high}, allowed: low up to high")
        return self

    def draw(self, random: Random, rows: int) -> Values:
        return random.integers(self.low, self.high, rows, endpoint=True)


class Sequence(_Part):
    """`start`, `start + step`, and so on, in the order of the rows."""

    start: int = 1
    step: int = 1

    def draw(self, _random: Random, rows: int) -> Values:
        return self.start + self.step * np.arange(rows)


class Dates(_Part):
    """ISO dates as text, from `first` to `last`, both included."""

    first: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    last: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        low, high = np.datetime64(self.first, "D"), np.datetime64(self.last, "D")
        if low > high:
            raise ValueError(f"found first {self.first} and last {self.last}, allowed: first up to last")
        return self

    def draw(self, random: Random, rows: int) -> Values:
        low, high = np.datetime64(self.first, "D"), np.datetime64(self.last, "D")
        days = low + random.integers(0, (high - low).astype(int), rows, endpoint=True)
        return days.astype(str).astype(object)


class Cases(_Part):
    """One distribution for each value of another column, or for all the values that are not named (`otherwise`)."""

    by: str
    when: dict[Scalar, "Distribution"] = Field(min_length=1)
    otherwise: "Distribution | None" = None


class Distribution(_Part):
    """Exactly one way to fill a column; `choice` maps each value to its weight."""

    normal: Normal | None = None
    uniform: Uniform | None = None
    integers: Integers | None = None
    choice: dict[Scalar, float] | None = None
    sequence: Sequence | None = None
    dates: Dates | None = None
    constant: Scalar | None = None
    formula: str | None = None
    cases: Cases | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        ways = [way for way in Distribution.model_fields if getattr(self, way) is not None]
        if len(ways) != 1:
            found = " and ".join(ways) or "none"
            raise ValueError(f"found {found}, allowed: one of {', '.join(Distribution.model_fields)}")
        return self

    @model_validator(mode="after")
    def _weights_are_shares(self) -> Self:
        weights = None if self.choice is None else list(self.choice.values())
        if weights is not None and not (min(weights, default=-1) >= 0 and 0 < sum(weights) < float("inf")):
            raise ValueError(f"found the weights {weights}, allowed: at least one, none below 0, not all 0")
        return self

    def reads(self) -> set[str]:
        """The columns that must be filled first."""
        if self.formula is not None:
            return formula.names(self.formula)
        if self.cases is None:
            return set()
        inner = [*self.cases.when.values(), *([self.cases.otherwise] if self.cases.otherwise else [])]
        return {self.cases.by}.union(*(case.reads() for case in inner))


class Column(Distribution):
    """A distribution, and how it is used.

    `type` turns numbers into what the file holds (integers are rounded). `per` draws one value for each value of
    another column, the same in every file: a game has one opponent.
    """

    type: Literal["integer", "number", "text"] | None = None
    per: str | None = None

    @model_validator(mode="after")
    def _per_is_drawn(self) -> Self:
        if self.per and (self.formula or self.cases or self.sequence):
            raise ValueError("found per with formula, cases or sequence, allowed: with one that is drawn by itself")
        return self

    def reads(self) -> set[str]:
        return super().reads() | ({self.per} if self.per else set())


class Label(_Part):
    """A column of 1.0 with the probability that the formula gives, else 0.0, and null in a share of the rows."""

    column: str
    probability: str
    unlabelled: float = Field(0.0, ge=0, lt=1)


class File(_Part):
    rows: int = Field(ge=1)
    columns: dict[str, Column] = {}
    label: Label | None = None


class Recipe(_Part):
    """What the sample's files look like: `common` columns stand in all of them, `output` orders what is written."""

    seed: int = Field(ge=0)
    output: tuple[str, ...] = Field(min_length=1)
    common: dict[str, Column] = {}
    files: dict[str, File] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_file_can_be_made(self) -> Self:
        for name, file in self.files.items():
            try:
                _specs_in_order(self, file)
            except ConfigError as error:
                raise ValueError(f"file '{name}': {error}") from error
        return self

    def columns(self, file: File) -> dict[str, Column]:
        return {**self.common, **file.columns}

    def digest(self) -> str:
        """The sha256 of the recipe's content; comments and layout do not count."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: the file is missing, is not YAML, or a key or value in it is refused.
    """
    return load_yaml(path, Recipe)


def generate(recipe: Recipe, file_name: str) -> pa.Table:
    """One file of the sample: the columns of `output`, marked as synthetic in its schema's metadata.

    The same recipe gives the same table, and writing it gives the same bytes.

    Raises:
        ConfigError: the recipe has no such file, or a column of it cannot be made.
    """
    if file_name not in recipe.files:
        raise ConfigError(f"recipe: found no file '{file_name}', allowed: {', '.join(recipe.files)}")
    file = recipe.files[file_name]
    columns: dict[str, Values] = {}
    arrays: dict[str, pa.Array] = {}
    for name, spec in _specs_in_order(recipe, file):
        with _blaming(file_name, name):
            columns[name] = _typed(_filled(spec, columns, file.rows, (recipe.seed, file_name, name)), spec.type)
            arrays[name] = pa.array(columns[name], _ARROW[_kind(columns[name])])
    if file.label:
        with _blaming(file_name, file.label.column):
            stream = _stream(recipe.seed, file_name, file.label.column)
            arrays[file.label.column] = _label(file.label, columns, file.rows, stream)
    table = pa.table({name: arrays[name] for name in recipe.output})
    return table.replace_schema_metadata({MARK: _mark(recipe, file_name)})


@contextmanager
def _blaming(file_name: str, column: str) -> Iterator[None]:
    try:
        yield
    except (ConfigError, ValueError, TypeError, pa.ArrowException) as error:
        raise ConfigError(f"recipe, file '{file_name}', column '{column}': {error}") from error


def _mark(recipe: Recipe, file_name: str) -> bytes:
    content = {"file": file_name, "recipe": recipe.digest(), "seed": recipe.seed}
    return json.dumps(content, sort_keys=True).encode()


def _specs_in_order(recipe: Recipe, file: File) -> list[tuple[str, Column]]:
    """The file's columns, each after those that it reads.

    Raises:
        ConfigError: a name that no column has, columns that read each other, or a formula that cannot be read.
    """
    specs = recipe.columns(file)
    reads = {name: spec.reads() for name, spec in specs.items()}
    label = {file.label.column: formula.names(file.label.probability)} if file.label else {}
    twice = sorted(set(label) & set(specs))
    if twice:
        raise ConfigError(f"found '{twice[0]}' as label and as column, allowed: one of them")
    for name, wanted in {**reads, **label, "output": set(recipe.output) - set(label)}.items():
        unknown = sorted(wanted - set(specs))
        if unknown:
            raise ConfigError(f"'{name}' reads {', '.join(unknown)}, allowed: {', '.join(specs)}")
    try:
        return [(name, specs[name]) for name in TopologicalSorter(reads).static_order()]
    except CycleError as error:
        raise ConfigError(
            f"found columns that read each other ({' <- '.join(error.args[1])}), allowed: no circle"
        ) from error


def _stream(*path: Scalar) -> Random:
    """A random stream that depends on the seed and the names alone."""
    key = hashlib.sha256(json.dumps(path).encode()).digest()
    return np.random.default_rng(int.from_bytes(key[:16], "big"))


def _filled(spec: Column, columns: Mapping[str, Values], rows: int, path: tuple[int, str, str]) -> Values:
    if spec.per is None:
        return _drawn(spec, columns, rows, _stream(*path))
    seed, _, name = path
    keys, places = np.unique(columns[spec.per], return_inverse=True)
    each: Values = np.concatenate([_drawn(spec, columns, 1, _stream(seed, name, str(key))) for key in keys])
    return each[places]


def _drawn(spec: Distribution, columns: Mapping[str, Values], rows: int, random: Random) -> Values:
    if spec.formula is not None:
        return formula.evaluate(spec.formula, columns, rows)
    if spec.cases is not None:
        return _by_case(spec.cases, columns, rows, random)
    if spec.choice is not None:
        weights = np.array(list(spec.choice.values()))
        chosen: Values = _array(list(spec.choice))[random.choice(len(weights), rows, p=weights / weights.sum())]
        return chosen
    if spec.constant is not None:
        return np.repeat(_array([spec.constant]), rows)
    ways = (spec.normal, spec.uniform, spec.integers, spec.sequence, spec.dates)
    return next(way.draw(random, rows) for way in ways if way is not None)  # validated: exactly one is set


def _by_case(cases: Cases, columns: Mapping[str, Values], rows: int, random: Random) -> Values:
    """Each case fills a whole column, of which the rows of the case are kept."""
    of = columns[cases.by]
    filled = {value: _drawn(case, columns, rows, random) for value, case in cases.when.items()}
    masks = [of == value for value in filled]
    rest = ~np.logical_or.reduce(masks)
    if cases.otherwise is not None:
        masks.append(rest)
        parts = [*filled.values(), _drawn(cases.otherwise, columns, rows, random)]
    elif rest.any():
        raise ConfigError(
            f"no case for {cases.by} = {of[rest].tolist()[0]!r}, allowed: {', '.join(map(str, filled))}, or otherwise"
        )
    else:
        parts = list(filled.values())
    return np.select(masks, parts)


def _array(values: list[Scalar]) -> Values:
    """Text is held as objects: only these can be joined with `+` in formulas."""
    return np.array(values, dtype=object if any(isinstance(value, str) for value in values) else None)


def _kind(values: Values) -> str:
    return {"i": "integer", "u": "integer", "b": "integer", "f": "number"}.get(values.dtype.kind, "text")


def _typed(values: Values, kind: str | None) -> Values:
    """The values as the column's type holds them.

    Raises:
        ConfigError: not a number, or not text, where the type needs one.
    """
    found, wanted = _kind(values), kind or _kind(values)
    if (found == "text") != (wanted == "text"):
        raise ConfigError(f"found {found} values, allowed: {wanted}")
    if wanted == "text":
        return values.astype(object)
    if not np.isfinite(values).all():
        raise ConfigError("found values that are no finite numbers, allowed: finite numbers")
    return np.rint(values).astype("int64") if wanted == "integer" else values.astype("float64")


def _label(label: Label, columns: Mapping[str, Values], rows: int, random: Random) -> pa.Array:
    """1.0 and 0.0 as the probability says, null in exactly the share of rows that is unlabelled (rounded)."""
    probability = formula.evaluate(label.probability, columns, rows)
    low, high = probability.min(), probability.max()
    if not (low >= 0 and high <= 1):
        raise ConfigError(f"found probabilities from {low:g} to {high:g}, allowed: 0 to 1")
    made = (random.random(rows) < probability).astype("float64")
    hidden = np.zeros(rows, dtype=bool)
    hidden[random.permutation(rows)[: round(label.unlabelled * rows)]] = True
    return pa.array(made, pa.float64(), mask=hidden)
