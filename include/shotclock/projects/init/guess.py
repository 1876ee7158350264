"""What a stranger's table may be: which column is which, and what a feature may hold. Tables in, guesses out.

Each guess says why it was made, so that whoever knows the data can put it right.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shotclock.config import Columns, Feature, Reading
from shotclock.errors import ContractError
from shotclock.projects.init import convert, features, roles
from shotclock.projects.init.columns import Given, Rows

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Wishes:
    """What is not to be guessed. `positive` goes with `target`, and `time_format` with `time`.

    `features` are columns that stay features although there is a reason against it; `categories` are features whose
    numbers are names. With `row_order` no column tells the time, and the rows stand in their order.
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
    target = _target(table, wishes)
    taken = (target.name, *wishes.exclude, *wishes.features, *wishes.categories)
    time = roles.in_row_order(table) if wishes.row_order else roles.time(table, wishes.time, wishes.time_format, taken)
    key = roles.identity(table, wishes.id, (*taken, time.name))
    if wishes.positive is not None:
        notes.pop(target.name, None)  # its values were taken as they are written
    for role in (target, time, key):
        table.put(role.name, role.values)
    rest = [name for name in table.column_names if name not in (target.name, time.name, key.name)]
    for name in rest:
        if name in wishes.categories or convert.is_text(table[name].type):
            names = convert.names(convert.plain(given[name]), words)
            if names is None:
                raise ContractError(
                    f"--category: found '{name}' with {given[name].type} values, expected text or whole numbers"
                )
            table.put(name, names)
            notes.pop(name, None)
    training = roles.older(table[time.name], split) if isinstance(split, float) else split
    labels = table[target.name]
    used: dict[str, Feature] = {}
    why = {role.name: _joined(role.why, notes.get(role.name)) for role in (key, time, target)}
    left_out: dict[str, str] = {}
    odd, leaks = [], []
    for name in rest:
        column = table[name]
        reason = _by_name(name, wishes) or features.against(column, training)
        if reason and (name not in (*wishes.features, *wishes.categories) or not features.is_usable(column)):
            left_out[name] = _joined(reason, notes.get(name))
            continue
        used[name], seen = features.describe(column)
        why[name] = _joined(seen, notes.get(name))
        odd.append(features.outlier(name, column))
        leaks.append(features.leak(name, column, labels))
    if not used:
        found = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ContractError(f"found no column that can be a feature ({found}), expected at least one; see --feature")
    columns = Columns(id=key.name, time=time.name, target=target.name, features=used)
    reading = Reading(
        missing=("", "NA", *sorted(words.missing)),
        ones=tuple(sorted({*words.ones, *target.ones})),
        zeros=tuple(sorted({*words.zeros, *target.zeros})),
        times={time.name: time.layout} if time.layout else {},
        text=(key.name,) if convert.is_text(key.values.type) else (),
        row_order=wishes.row_order,
    )
    warnings = [*key.warnings, *target.warnings, *filter(None, [*odd, *leaks])]
    return Guess(table, training, columns, why, left_out, warnings, reading)


def _target(table: Rows, wishes: Wishes) -> roles.Role:
    if wishes.target is not None and wishes.positive is not None:
        return roles.counted(table.given, wishes.target, wishes.positive)
    return roles.target(table, wishes.target, (*wishes.exclude, *wishes.features, *wishes.categories))


def _by_name(name: str, wishes: Wishes) -> str:
    """Why a column of this name is no feature; empty where the name does not matter."""
    if name in wishes.exclude:
        return "excluded by --exclude"
    return "the row numbers of pandas" if name.startswith("__index_level_") else ""


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


def _check_names(table: Given, wishes: Wishes) -> None:
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise ContractError(f"column '{twice[0]}' stands twice, expected once; rename one")
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
                raise ContractError(f"{option}: found '{name}', expected one of {', '.join(table.column_names)}")
