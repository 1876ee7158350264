"""Which column is the target, the time, the id: by name and values, or as it was wished."""

import re
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.errors import ContractError
from shotclock.kinds import is_number, is_text
from shotclock.projects.init import features
from shotclock.projects.init.columns import Column, Given, Rows
from shotclock.projects.init.convert import as_time, few, layouts, no_time, of_digits, usual_layout
from shotclock.rows import parts
from shotclock.sources.exports import rows_as_times

ADDED_ID, ADDED_TIME = "row_id", "row_order"
_COUNTS = re.compile(r"unnamed(:.*)?|index|no|nr|number|row.?(id|no|nr|number)", re.IGNORECASE)
_HEAD = 1000  # rows in which most columns already repeat a value
_SPARSE = 2  # of the numbers of a numbering at least every other one stands in a row
_NOTHING = "where nothing stands the outcome is not known: write 0 there, if that is meant"
_LIKE_ISO = "write it as ISO does, such as 2016-04-13"
_NEARLY = 0.1  # of the rows of a column that would be the target, but for these
_CLASSES = 20  # of more different numbers one would not speak as of classes

_TARGET = re.compile(r"target|label|labels|y|class|outcome|response", re.IGNORECASE)
_TIME = re.compile(
    r"date|time|day|stamp|_at$|_on$|when|^year$|month|epoch|(^|_)(ts|dt)$|datum|^zeit|jahr|fecha", re.IGNORECASE
)
_ID = re.compile(r"(^|[_ .-])(id|key|uuid|guid|nr|number|no|index)\W*$|^unnamed$|[a-z]I[dD]$", re.IGNORECASE)


@dataclass(frozen=True)
class Role:
    """A column that plays a role, with its values as they are to be written, and why it was chosen.

    Attributes:
        layout: how its times are written, if not as ISO.
        ones, zeros: the target's values as they are written, where they are no 1 and 0.
    """

    name: str
    values: Column
    why: str
    warnings: list[str] = field(default_factory=list)
    layout: str | None = None
    ones: tuple[str, ...] = ()
    zeros: tuple[str, ...] = ()


def counted(written: Given, name: str, positive: str) -> Role:
    """The column to predict, where the value that counts as 1 is known, as it is written in the file.

    Raises:
        ContractError: no row has this value.
    """
    texts = written[name].cast(pa.string())
    if not pc.any(pc.equal(texts, positive)).as_py():
        raise ContractError(
            f"--positive: found '{positive}', expected a value of '{name}': {_listed(few(written[name]))}"
        )
    values = pc.equal(texts, positive).cast(pa.int8())
    others = tuple(str(value) for value in few(texts) if value != positive)
    if not others:
        raise ContractError(f"column '{name}': found '{positive}' or nothing, expected two outcomes; {_NOTHING}")
    why = f"as --target says; '{positive}' counts as 1, all others as 0"
    return Role(name, values, why, ones=(positive,), zeros=others)


def target(table: Rows, wished: str | None, others: tuple[str, ...] = ()) -> Role:
    """The column to predict, as 0, 1 and null.

    Args:
        others: columns of which it is known that they are not it.

    Raises:
        ContractError: the wished column does not have two outcomes, or no column has.
    """
    if wished is not None:
        return _outcomes(wished, table[wished])
    values = {name: _values(table[name]) for name in table.column_names if name not in others}
    twofold = [name for name, found in values.items() if len(found) == 2]
    plain = [name for name in twofold if set(values[name]) == {0, 1}]
    named = [name for name in (*plain, *twofold) if _TARGET.fullmatch(name)]
    if not twofold:
        near = [told for name in table.column_names if name not in others and (told := _nearly(name, table[name]))]
        raise ContractError(
            "target: found no column with two different values, such as 0 and 1 or yes and no, expected one; "
            f"{''.join(f'{told}; ' for told in near)}name it with --target, and with --positive the value that counts as 1"
        )
    alike = plain or twofold
    chosen = named[0] if named else alike[-1]
    like, beside = ([name for name in names if name != chosen] for names in (alike, twofold))
    is_sure = not beside or (chosen in plain and bool(named))
    why = "has two outcomes" + (
        " and such a name" if named else f"; it is the last such column ({_listed(like)} too)" if like else ""
    )
    guessed = [] if is_sure else [f"target: '{chosen}' is a guess, it may be {_listed(beside)} as well: see --target"]
    found = _outcomes(chosen, table[chosen], why)
    return replace(found, warnings=[*guessed, *found.warnings])


def _nearly(name: str, column: Column) -> str:
    """Which values keep a column from having two, where nearly all rows have one of two: a sum, or a second line of names."""
    counts = pc.value_counts(column.drop_null()).to_pylist() if is_number(column.type) or is_text(column.type) else []
    counts.sort(key=lambda item: -item["counts"])
    others = sum(item["counts"] for item in counts[2:])
    if not others or others > _NEARLY * sum(item["counts"] for item in counts):
        return ""
    odd = counts[2]["values"]
    row = pc.index(column, pa.scalar(odd, column.type)).as_py() + 1
    low, high = sorted(str(item["values"]) for item in counts[:2])
    return f"column '{name}' holds '{odd}' in row {row:,}, and {low} or {high} elsewhere: take out what is no row of the table"


def _values(column: Column) -> list[object]:
    """The different ones of a column of numbers or text; of many, the first ones."""
    return few(column, 2) if is_number(column.type) or is_text(column.type) else []


def _outcomes(name: str, column: Column, why: str = "as --target says") -> Role:
    """The target. Of two words the rarer one counts as 1, of two numbers the greater one, and of 0 and another that one: Access
    writes -1 for yes."""
    values = few(column)
    if len(values) == 2 and (is_number(column.type) or is_text(column.type)):
        counts = {item["values"]: item["counts"] for item in pc.value_counts(column.drop_null()).to_pylist()}
        numbers = {value: float(str(value)) for value in values if re.fullmatch(r"[+-]?\d+(\.\d+)?", str(value))}
        is_of_numbers = len(numbers) == 2
        rank = {
            value: (numbers[value] != 0, numbers[value]) if is_of_numbers else (-counts[value], value)
            for value in values
        }
        zero, one = sorted(values, key=rank.__getitem__)
        found = pc.equal(column, pa.scalar(one, column.type)).cast(pa.int8())
        if is_of_numbers and (numbers[zero], numbers[one]) == (0, 1):
            return Role(name, found, why)
        because = "" if is_of_numbers else ", for it is rarer"
        warning = f"target: that '{one}' counts as 1 and '{zero}' as 0 is a guess{because}: see --positive"
        return Role(name, found, f"{why}; '{one}' counts as 1", [warning], ones=(str(one),), zeros=(str(zero),))
    if near := _nearly(name, column):
        raise ContractError(f"{near}; or say with --positive which value counts as 1 (all others count as 0)")
    many = len(column.unique().drop_null())
    kind = "a number: to predict one is not supported" if is_number(column.type) and many > _CLASSES else "classes"
    told = (
        f"{many:,} different values, {kind}"
        if kind != "classes"
        else f"{many:,} classes, more than two are not supported"
    )
    raise ContractError(
        f"column '{name}': found {_listed(values)}: {told if many > 2 else 'not two outcomes'}, expected two outcomes to "
        "predict; say with --positive which value counts as 1 (all others count as 0), or name another --target"
        f"{f'; {_NOTHING}' if column.null_count else ''}"
    )


def _listed(values: Sequence[object]) -> str:
    shown = ", ".join(str(value) for value in values[:5])
    return f"{shown}, …" if len(values) > 5 else shown or "no value"


def time(table: Rows, wished: str | None, layout: str | None, taken: tuple[str, ...]) -> Role:
    """The column that puts the rows in order.

    Raises:
        ContractError: the wished column holds no times, or lacks some; or no column holds times.
    """
    if wished is not None:
        return _wished_time(wished, table[wished], layout)
    found: dict[str, bool] = {}
    near: list[str] = []
    for name in table.column_names:
        column = table[name]
        digits = of_digits(column) is not None
        if name in taken or (digits and not _TIME.search(name)):
            continue
        if not column.null_count and as_time(column, usual_layout(column)) is not None:
            found[name] = digits
        elif _TIME.search(name):
            near.append(f" '{name}' {_why_no_time(column)}.")
    chosen = _chosen(found)
    if chosen is None:
        raise ContractError(
            f"time: found no column of dates without gaps, expected one: rows are taken in their order.{''.join(near)} Name it "
            "with --time, and with --time-format how it is written, such as '%d/%m/%Y'; or say with --row-order that the rows "
            "stand in their order"
        )
    others = ", ".join(name for name in found if name != chosen and found[name] == found[chosen])
    layout = usual_layout(table[chosen])
    why = f"holds a date in every row{_written(layout)}" + (f"; {others} too" if others else "")
    values = as_time(table[chosen], layout)
    return Role(chosen, values, why, _far(chosen, values), layout=layout)


def _chosen(found: dict[str, bool]) -> str | None:
    """The column of times, of those that hold some. Of digits only where nothing else tells the time: a year may stand beside
    its date.
    """
    dates = [name for name, is_of_digits in found.items() if not is_of_digits] or list(found)
    named = [name for name in dates if _TIME.search(name)]
    return next(iter(named or dates), None)


def _wished_time(name: str, column: Column, layout: str | None) -> Role:
    layout = layout or usual_layout(column)
    values = as_time(column, layout)
    if values is None:
        raise ContractError(
            f"column '{name}': found {_listed(few(column))}, expected dates; say with --time-format how they are written, "
            f"such as '%d/%m/%Y': '{name}' {_why_no_time(column)}"
        )
    if values.null_count:
        raise ContractError(
            f"column '{name}': found {values.null_count:,} rows without a time, expected one in every row: "
            "leave these rows out, or name another --time"
        )
    return Role(name, values, f"as --time says{_written(layout)}", _far(name, values), layout=layout)


def _far(name: str, times: Column | None) -> list[str]:
    """A warning where times lie far away from all others, such as a code for "unknown": the rows stand in their order."""
    known = parts.moments(times).cast(pa.timestamp("s"), safe=False)
    first, low, high, last = np.quantile(known.cast(pa.int64()), [0, 0.005, 0.995, 1], method="nearest")
    if not high - low or last - first <= features.FAR * (high - low):
        return []
    since, until, early, late = (
        f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" for moment in (first, last, low, high)
    )
    return [
        f"'{name}' goes from {since} to {until}, but 99 of 100 times lie between {early} and {late}: is one of them a code for "
        "'unknown'? Rows are taken in the order of their times"
    ]


def _why_no_time(column: Column) -> str:
    """What keeps a column with such a name from being the time."""
    first = pc.index(pc.is_null(column), True).as_py()
    if first >= 0:
        return f"has no value in {column.null_count:,} of {len(column):,} rows, row {first + 1:,} first"
    fitting = layouts(column)
    if len(fitting) > 1:
        return f"is written as {' or '.join(fitting)}: say which"
    odd = no_time(column)
    if odd:
        return f"holds '{odd[1]}' in row {odd[0] + 1:,}, and {odd[2]} elsewhere: {_LIKE_ISO}"
    return f"holds '{column[0]}' in row 1, which is written in no way that is known: {_LIKE_ISO}"


def _written(layout: str | None) -> str:
    return f", written as {layout}" if layout else ""


def in_row_order(table: Rows) -> Role:
    """A time for rows that have none and stand in their order: a microsecond apart, before those of any later file."""
    name = free(ADDED_TIME, table.column_names)
    times = rows_as_times(0, table.num_rows, datetime.fromtimestamp(0, UTC))
    return Role(name, pa.chunked_array([times]), "added, as --row-order says: the rows stand in their order")


def free(name: str, taken: Collection[str]) -> str:
    """The name, or one like it that no column has."""
    while name in taken:
        name = f"_{name}"
    return name


def identity(table: Rows, wished: str | None, taken: tuple[str, ...]) -> Role:
    """The column by which rows are known again; one is added where there is none.

    Raises:
        ContractError: the wished column has gaps or repeats, or is neither whole numbers nor text.
    """
    if wished is not None:
        if not _is_key(table[wished]):
            raise ContractError(
                f"column '{wished}' {_no_key(table[wished])}, expected one value of its own for each row; name another --id, "
                "or leave it out and one is added"
            )
        return Role(wished, table[wished], "as --id says", _odd_id(wished, table[wished]))
    named = [name for name in table.column_names if name not in taken and _ID.search(name)]
    for name in sorted(named, key=lambda name: bool(_COUNTS.fullmatch(name))):
        if _is_key(table[name]):
            doubt = f"id: '{name}' may count the rows of one file, and begin anew in the next; see --id"
            why = "is different in every row, and has such a name"
            return Role(name, table[name], why, [doubt] if _COUNTS.fullmatch(name) else _odd_id(name, table[name]))
    for name in table.column_names:
        if name not in taken and _tells_rows_apart(table[name]):
            doubt = (
                f"id: '{name}' is different in every row, and taken for one: of rows with the same, the newest counts"
            )
            return Role(name, table[name], "is different in every row", [f"{doubt}; see --id"])
    numbers = pa.chunked_array([np.arange(1, table.num_rows + 1)])
    near = f" ('{named[0]}' {_no_key(table[named[0]])})" if named else ""
    warning = (
        f"id: no column is one{near}, so '{ADDED_ID}' was added, 1 to {table.num_rows:,}: rows that come later need ids of "
        "their own in a column of this name"
    )
    return Role(ADDED_ID, numbers, "added: no column had a value of its own for each row", [warning])


def _is_key(column: Column) -> bool:
    fits = pa.types.is_integer(column.type) or is_text(column.type)
    return bool(fits) and column.null_count == 0 and _all_differ(column)


def _odd_id(name: str, column: Column) -> list[str]:
    """A warning where a word stands among whole numbers, such as that of a sum below them."""
    if not is_text(column.type):
        return []
    words = column.filter(pc.invert(pc.match_substring_regex(column, r"^[+-]?\d+$")))
    if not 0 < len(words) <= _NEARLY * len(column):
        return []
    row = pc.index(column, words[0]).as_py() + 1
    return [f"id: '{name}' holds '{words[0]}' in row {row:,}, and numbers elsewhere: take that row out, if it is none"]


def _no_key(column: Column) -> str:
    """What keeps a column from being one."""
    if not pa.types.is_integer(column.type) and not is_text(column.type):
        return f"holds {column.type} values, which are neither whole numbers nor text"
    if column.null_count:
        return f"has no value in row {pc.index(pc.is_null(column), True).as_py() + 1:,}"
    row = bisect_left(range(len(column)), True, key=lambda row: not _all_differ(column[: row + 1]))
    return f"repeats '{column[row]}' in row {row + 1:,}"


def _tells_rows_apart(column: Column) -> bool:
    """Whether it is a key and no measurement or remark: words without a space, or a numbering."""
    if not _is_key(column.slice(0, _HEAD)) or not _is_key(column):
        return False
    if is_text(column.type):
        return not pc.any(pc.match_substring_regex(column, r"\s")).as_py()
    ends = pc.min_max(column)
    return bool(ends["max"].as_py() - ends["min"].as_py() < _SPARSE * len(column))


def _all_differ(column: Column) -> bool:
    if is_text(column.type):
        return bool(pc.count_distinct(column).as_py() == len(column))
    values = np.sort(column.to_numpy())  # a table of all values would take ten times their memory
    return not bool((values[1:] == values[:-1]).any())


def older(times: Column, share: float) -> npt.NDArray[np.bool_]:
    """Mark about this share of the rows, the older ones. Rows of the same time stay together.

    Raises:
        ContractError: one side would have no row.
    """
    order = pc.sort_indices(times)
    moment = times.take(order.slice(min(round(len(times) * share), len(times) - 1), 1))[0]
    marked = pc.less(times, moment).to_numpy()
    if not marked.any():
        raise ContractError(
            f"--split-by-time: found the same time {moment} in all of the older rows, expected an older and a newer "
            "part; name another --time or share, or give two files"
        )
    return np.asarray(marked, dtype=np.bool_)
