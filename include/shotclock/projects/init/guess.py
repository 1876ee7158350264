"""What a stranger's table may be: which column is which, and what a feature may hold. Tables in, guesses out.

Each guess says why it was made, so that whoever knows the data can put it right.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shotclock import spelling
from shotclock.config import TIME_PARTS, Columns, Feature, Reading
from shotclock.errors import ContractError
from shotclock.kinds import is_text, known
from shotclock.projects.init import convert, features, roles
from shotclock.projects.init.columns import Column, Given, Rows
from shotclock.rows import parts

Mask = npt.NDArray[np.bool_]

_SHOWN = 20  # names
_MOST = 4000  # of whose rules `config.limits` takes all


@dataclass(frozen=True)
class Wishes:
    """What is not to be guessed. `positive` goes with `target`, and `time_format` with `time`.

    `features` are columns that stay features although there is a reason against it; `categories` are features whose
    numbers are names. With `row_order` no column tells the time, and the rows stand in their order. `time_parts` are those of
    the time that are to be features.
    """

    target: str | None = None
    positive: str | None = None
    id: str | None = None
    time: str | None = None
    time_format: str | None = None
    exclude: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    row_order: bool = False
    time_parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guess:
    """A project's columns with a reason for each; the table with these columns as the contract wants them.

    Attributes:
        table: the rows as they were, plus an id where there was none.
        training: marks the rows to train on; the others are production.
        why: the reason for each column that plays a role.
        left_out: the reason for each column that does not.
        warnings: what a person should look at, such as a feature that gives the target away.
        reading: what words, digits and times of the file mean; how the file itself is written is not known here.
    """

    table: Rows
    training: Mask
    columns: Columns
    why: dict[str, str]
    left_out: dict[str, str]
    warnings: list[str] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)


def guess(given: Given, split: Mask | float, wishes: Wishes, written: Reading = Reading()) -> Guess:  # noqa: B008  (frozen)
    """Guess what each column is.

    Args:
        given: the table as it came; one column of it at a time is held.
        split: marks the rows to train on; or their share, 0 to 1: then the older rows are cut off by time.

    Raises:
        ContractError: a column that was wished for is not there or cannot be what it should; or no target or time is found.
    """
    _check_names(given, wishes)
    table = Rows(given)
    notes, words = convert.tidy(table, written)
    target, time, key = _roles(table, wishes)
    if wishes.positive is not None:
        notes.pop(target.name, None)  # its values were taken as they are written
    for role in (target, time, key):
        table.put(role.name, role.values)
    rest = [name for name in table.column_names if name not in (target.name, time.name, key.name)]
    for name in rest:
        if name in wishes.categories or is_text(table[name].type):
            table.put(name, _names(given, name, words))
            notes.pop(name, None)
    training = roles.older(table[time.name], split) if isinstance(split, float) else split
    labels = table[target.name]
    found = _features(table, rest, wishes, training, labels, notes)
    found.add(_parts_of(time, wishes, training, table, labels))
    columns = Columns(id=key.name, time=time.name, target=target.name, features=found.used)
    reading = Reading(
        missing=("", "NA", *sorted(words.missing)),
        ones=tuple(sorted({*words.ones, *target.ones})),
        zeros=tuple(sorted({*words.zeros, *target.zeros})),
        times={time.name: time.layout} if time.layout else {},
        text=(key.name,) if is_text(key.values.type) else (),
        row_order=wishes.row_order,
    )
    why = {role.name: _joined(role.why, notes.get(role.name)) for role in (key, time, target)} | found.why
    warnings = [*key.warnings, *time.warnings, *target.warnings, *found.warnings]
    return Guess(table, training, columns, why, found.left_out, warnings, reading)


@dataclass
class _Features:
    """What is known of features by now: their rules, why, why others are none, and what a person should look at."""

    used: dict[str, Feature] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, more: "_Features") -> None:
        self.used |= more.used
        self.why |= more.why
        self.warnings += more.warnings


def _features(
    table: Rows, names: Sequence[str], wishes: Wishes, training: Mask, labels: Column, notes: Mapping[str, str]
) -> _Features:
    """Which of these columns are features."""
    found, leaks = _Features(), []
    for name in names:
        column = table[name]
        reason = _by_name(name, wishes) or features.against(column, training)
        if reason and (name not in (*wishes.features, *wishes.categories) or not features.is_usable(column)):
            found.left_out[name] = _joined(reason, notes.get(name))
            continue
        found.used[name], seen = features.describe(column)
        found.why[name] = _joined(seen, notes.get(name))
        found.warnings.append(features.outlier(name, column))
        leaks.append(features.leak(name, column, labels))
    found.warnings = [*filter(None, [*found.warnings, *leaks])]
    if len(found.used) > _MOST:
        raise ContractError(
            f"found {len(found.used):,} columns that can be features, expected {_MOST:,} at most, as a project file holds; "
            "take out of the table, or leave out with --exclude, those that tell least"
        )
    if not found.used:
        said = "; ".join(f"{name}: {reason}" for name, reason in found.left_out.items())
        raise ContractError(f"found no column that can be a feature ({said}), expected at least one; see --feature")
    return found


def _parts_of(time: roles.Role, wishes: Wishes, training: Mask, table: Rows, labels: Column) -> _Features:
    """The parts of the time that were wished for; and which others tell something of the target.

    Raises:
        ContractError: one is wished for that these times do not tell.
    """
    found, worth = _Features(), []
    told = parts.zone_of(time.values)
    zone = told if told and "/" in told else None  # a place, whose clocks are put forward in summer
    for kind in () if wishes.row_order else TIME_PARTS:
        values = parts.part(time.values, Feature.model_validate({"of_time": kind, "zone": zone, "type": "integer"}))
        against = features.against(values, training)
        if kind in wishes.time_parts:
            if len(seen := values.filter(pa.array(training)).unique()) == 1:
                raise ContractError(
                    f"--time-part: found {kind}, which is {seen[0]} in all training rows of '{time.name}', expected one of "
                    "which they tell several; leave it out, or name another --time"
                )
            name = roles.free(f"{time.name}_{kind}", table.column_names)
            found.used[name] = Feature.model_validate({"of_time": kind, "zone": zone})
            found.why[name] = f"as --time-part says: the {kind} of {time.name}"
            found.warnings += [f"'{name}': {against}"] if against else []
            if told and not zone:
                found.warnings.append(
                    f"'{name}': {time.name} is told with {told}, and its {kind} is that of UTC; write "
                    f"{{of_time: {kind}, zone: Europe/Berlin}}, with your zone's name, where clocks there matter"
                )
        elif (
            not against and kind not in map(str.lower, table.column_names) and (skill := features.tells(values, labels))
        ):
            worth.append(
                f"its {kind} alone takes away {skill:.0%} of the uncertainty about the target (--time-part {kind})"
            )
    if worth:
        found.warnings.append(f"'{time.name}' tells more than the order of the rows: {'; '.join(worth)}")
    return found


def _roles(table: Rows, wishes: Wishes) -> tuple[roles.Role, roles.Role, roles.Role]:
    """Target, time and id."""
    target = _target(table, wishes)
    taken = (target.name, *wishes.exclude, *wishes.features, *wishes.categories)
    time = roles.in_row_order(table) if wishes.row_order else roles.time(table, wishes.time, wishes.time_format, taken)
    return target, time, roles.identity(table, wishes.id, (*taken, time.name))


def _names(given: Given, name: str, words: convert.Words) -> Column:
    """A column's values as those of a category."""
    found = convert.names(known(given[name]), words)
    if found is None:
        raise ContractError(
            f"--category: found '{name}' with {given[name].type} values, expected text or whole numbers"
        )
    return found


def _target(table: Rows, wishes: Wishes) -> roles.Role:
    if wishes.target is not None and wishes.positive is not None:
        return roles.counted(table.given, wishes.target, wishes.positive)
    return roles.target(table, wishes.target, (*wishes.exclude, *wishes.features, *wishes.categories))


def _by_name(name: str, wishes: Wishes) -> str:
    """Why a column of this name is no feature; empty where the name does not matter."""
    if name in wishes.exclude:
        return "excluded by --exclude"
    if not spelling.is_short(name):
        return "its name is longer than a metric's may be: give it a shorter one"
    return "the row numbers of pandas" if name.startswith("__index_level_") else ""


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


def _check_names(table: Given, wishes: Wishes) -> None:
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise ContractError(f"column '{twice[0]}' stands twice, expected once; rename one")
    strange = sorted(set(wishes.time_parts) - set(TIME_PARTS))
    if strange:
        raise ContractError(f"--time-part: found '{strange[0]}', expected one of {', '.join(TIME_PARTS)}")
    named = {
        "--target": [wishes.target],
        "--id": [wishes.id],
        "--time": [wishes.time],
        "--exclude": wishes.exclude,
        "--feature": wishes.features,
        "--category": wishes.categories,
    }
    for option, names in named.items():
        for name in names:
            if name is not None and name not in table.column_names:
                near = difflib.get_close_matches(name, table.column_names) or table.column_names
                more = ", …" if len(near) > _SHOWN else ""
                raise ContractError(f"{option}: found '{name}', expected one of {', '.join(near[:_SHOWN])}{more}")
            if name is not None and option in ("--target", "--time") and pa.types.is_nested(table[name].type):
                raise ContractError(
                    f"{option}: found '{name}' with {table[name].type} values, expected one value in each row; name another"
                )
