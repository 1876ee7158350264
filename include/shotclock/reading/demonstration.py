"""One prediction at a time: which inputs a model version takes, what it says to them, and how it does on rows new to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pandas import DataFrame, Series

from shotclock.config import Feature, Value, project
from shotclock.files import storage
from shotclock.rows import contract, parts, values
from shotclock.store.versions import registry
from shotclock.store.window import Window, reference_rows

Floats = NDArray[np.float64]

ROLES = (registry.CHAMPION, registry.PREVIOUS)


_MOST_CHOICES = 200  # levels of a category that a form offers, the most frequent ones


@dataclass(frozen=True)
class Input:
    """One input of a form: its type, the values that it may take, and the one to begin with.

    `low`, `high` and `whole` are of a number. `choices` are all there are; of text, where the project file names none, those
    that were seen most often. `start` is None where nothing was seen. `seen` is what the version was judged on: of a number the
    least and the greatest value, of text every level. `parts` is what the model takes of a row's time, of which the row brings
    the time itself, as text in ISO's way.
    """

    name: str
    whole: bool
    low: float
    high: float
    start: Value
    choices: tuple[Value, ...] = ()
    is_text: bool = False
    may_be_missing: bool = False
    seen: tuple[Value, ...] = field(default=(), compare=False)
    parts: tuple["Input", ...] = ()

    def knows(self, value: Value) -> bool:
        """Whether a value is like those that the version was judged on."""
        if value is None or not self.seen:
            return value is None and self.may_be_missing
        if self.is_text:
            return value in self.seen
        low, high = (float(end) for end in self.seen if end is not None)
        return low <= float(value) <= high


@dataclass(frozen=True)
class Served:
    """A registered version, loaded: what an endpoint that serves it answers, by the project file as it is now."""

    project: str
    number: str
    asked: tuple[values.Input, ...]
    """The columns of its signature, in their order."""
    model: Any

    @property
    def of_time(self) -> dict[str, Feature]:
        """Those of its columns that are parts of a row's time."""
        known = project(self.project).columns.of_time
        return {column.name: known[column.name] for column in self.asked if column.name in known}

    @property
    def inputs(self) -> tuple[str, ...]:
        """What a row brings: in place of the parts of its time, the time."""
        names = (column.name for column in self.asked)
        return tuple(parts.given(names, self.of_time, project(self.project).columns.time))

    def taken(self, rows: Sequence[Mapping[str, Value]]) -> DataFrame:
        """What the model is given of rows, with the parts of their time as a batch would have them.

        Raises:
            ContractError: a time is none, or does not tell its parts.
        """
        frame = DataFrame(list(rows), dtype=object)
        if of_time := self.of_time:
            time = project(self.project).columns.time
            made = contract.parts_of(pa.array(frame[time], pa.string()), of_time, time)
            frame = frame.assign(**{name: part.to_pylist() for name, part in made.items()})
        kinds = {column.name: object if column.is_text else float for column in self.asked}
        return frame.reindex(columns=list(kinds)).astype(kinds)

    def probability(self, rows: Sequence[Mapping[str, Value]]) -> list[float]:
        """P(target = 1) of each row.

        Raises:
            ContractError: see `taken`.
        """
        found: list[float] = self.model.predict_proba(self.taken(rows))[:, 1].tolist()
        return found


def roles(name: str) -> dict[str, str]:
    """The version numbers of champion and previous, as far as there are any."""
    found = {role: registry.by_alias(name, role) for role in ROLES}
    return {role: version.number for role, version in found.items() if version}


def load(name: str, number: str) -> Served:
    """Version `number`, ready to be asked.

    Raises:
        StoreError: there is no such version.
    """
    version = registry.version(name, number)
    return Served(name, number, version.inputs(), version.load())


def inputs(name: str, served: Served) -> list[Input]:
    """The inputs that a row brings for a version. What the project file does not say about one, its reference does.

    Raises:
        StoreError: no decision left a reference for the version.
    """
    columns, reference = project(name).columns, reference_rows(name, registry.version(name, served.number))
    known = columns.features
    found = {
        column.name: _category(column, known.get(column.name), reference[column.name])
        if column.is_text
        else _number(column, known.get(column.name), reference[column.name].to_numpy(dtype=float))
        for column in served.asked
    }
    if of_time := served.of_time:
        made = tuple(one for part, one in found.items() if part in of_time)
        found[columns.time] = _time(columns.time, reference[columns.time], made)
    return [found[name] for name in served.inputs]


def _time(name: str, seen: "Series[Any]", made: tuple[Input, ...]) -> Input:
    """A row's time; to begin with, the newest one."""
    newest = seen.max()
    return Input(name, False, 0, 0, newest if isinstance(newest, str) else newest.isoformat(), is_text=True, parts=made)


def strange(served: Served, asked: Sequence[Input], row: Mapping[str, Value]) -> list[Input]:
    """The inputs of a row that are unlike all that the version was judged on; of its time, the parts that are.

    Raises:
        ContractError: see `Served.taken`.
    """
    taken = served.taken([row]).iloc[0]
    return [one for each in asked for one in each.parts or (each,) if not one.knows({**row, **taken}[one.name])]


def _category(column: values.Input, feature: Feature | None, seen: "Series[Any]") -> Input:
    counts = seen.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    frequent = tuple(map(str, counts.index[:_MOST_CHOICES]))
    choices = tuple(map(str, feature.allowed)) if feature and feature.allowed else tuple(values.in_order(frequent))
    start = next((level for level in frequent if level in choices), choices[0] if choices else None)
    seen_here = tuple(values.in_order(map(str, counts.index)))
    return Input(
        column.name, False, 0, 0, start, choices, is_text=True, may_be_missing=column.may_be_missing, seen=seen_here
    )


def _number(column: values.Input, feature: Feature | None, reference: Floats) -> Input:
    seen = reference[~np.isnan(reference)] if np.isnan(reference).any() else reference
    if not len(seen):
        return Input(column.name, False, 0.0, 1.0, None, may_be_missing=True)
    whole = feature.type != "number" if feature else bool(np.array_equal(seen, np.trunc(seen)))
    low = seen.min() if feature is None or feature.min is None else feature.min
    high = seen.max() if feature is None or feature.max is None else feature.max
    choices = tuple(map(float, feature.allowed)) if feature and feature.allowed else ()
    choices = (0.0, 1.0) if feature and feature.type == "boolean" else choices
    start = float(np.clip(np.median(seen), low, high))
    if choices:
        start = min(choices, key=lambda choice: abs(choice - start))
    begin = float(round(start)) if whole else start
    ends = float(seen.min()), float(seen.max())
    return Input(
        column.name, whole, float(low), float(high), begin, choices, may_be_missing=column.may_be_missing, seen=ends
    )


def most_usual(name: str, number: str, features: Sequence[str]) -> dict[str, float]:
    """Numbers that go together, of the row nearest to the middle of those that a version was judged on.

    Raises:
        StoreError: no decision left a reference for the version.
    """
    rows = reference_rows(name, registry.version(name, number))[list(features)].astype(float).dropna()
    distances = ((rows - rows.median()) / rows.std().replace(0.0, 1.0)).pow(2).sum(axis=1)
    return {str(feature): float(value) for feature, value in rows.loc[distances.idxmin()].items()}


@dataclass(frozen=True)
class Unseen:
    """Rows that a version scored and was not trained on: what it predicted, and what came as far as that is known."""

    rows: DataFrame
    probability: Floats
    """Of shape (rows,), as is the label."""
    label: Floats
    """0, 1, or missing."""


def unseen(name: str, number: str) -> Unseen:
    """The rows of the newest window of a version, without those that it was trained on.

    Raises:
        StoreError: the version has scored nothing yet.
    """
    columns, version = project(name).columns, registry.version(name, number)
    rows, ids = Window.newest(name, version).rows()[0].to_pandas(), columns.id
    trained_on = storage.read_column(version.training_ids(), ids)
    rows = rows[~np.isin(rows[ids], trained_on)]
    return Unseen(rows, *(rows[column].to_numpy(dtype=float) for column in (columns.probability, columns.target)))
