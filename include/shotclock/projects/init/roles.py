"""Which column is the target, the time, the id: by name and values, or as it was wished."""

import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.errors import ContractError
from shotclock.projects.init.convert import Column, as_time, is_number, is_text, usual_layout

ADDED_ID = "row_id"
_CLASSES = 20  # of more different numbers one would not speak as of classes

_TARGET = re.compile(r"target|label|labels|y|class|outcome|response", re.IGNORECASE)
_TIME = re.compile(r"date|time|day|timestamp|_at$|_on$|when|^year$|epoch", re.IGNORECASE)
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


def put(table: pa.Table, role: Role) -> pa.Table:
    """The table with the role's values: in place of the column, or as the first one."""
    if role.name not in table.column_names:
        return table.add_column(0, role.name, role.values)
    return table.set_column(table.column_names.index(role.name), role.name, role.values)


def counted(written: pa.Table, name: str, positive: str) -> Role:
    """The column to predict, where the value that counts as 1 is known, as it is written in the file.

    Raises:
        ContractError: no row has this value.
    """
    texts = written[name].cast(pa.string())
    if positive not in texts.unique().to_pylist():
        raise ContractError(
            f"--positive: found '{positive}', expected a value of '{name}': {_listed(_few(written[name]))}"
        )
    values = pc.equal(texts, positive).cast(pa.int8())
    others = tuple(str(value) for value in _few(texts) if value != positive)
    why = f"as --target says; '{positive}' counts as 1, all others as 0"
    return Role(name, values, why, ones=(positive,), zeros=others)


def target(table: pa.Table, wished: str | None, others: tuple[str, ...] = ()) -> Role:
    """The column to predict, as 0, 1 and null.

    Args:
        others: columns of which it is known that they are not it.

    Raises:
        ContractError: the wished column does not have two outcomes, or no column has.
    """
    if wished is not None:
        return _outcomes(wished, table[wished])
    twofold = [name for name in table.column_names if name not in others and _is_binary(table[name])]
    named = [name for name in twofold if _TARGET.fullmatch(name)]
    if not twofold:
        raise ContractError(
            "target: found no column with the values 0 and 1 (or yes and no, true and false), expected one; "
            "name it with --target, and with --positive the value that counts as 1"
        )
    chosen = named[0] if named else twofold[-1]
    beside = ", ".join(name for name in twofold if name != chosen)
    why = "has two outcomes" + (
        " and such a name" if named else f"; it is the last such column ({beside} too)" if beside else ""
    )
    warnings = (
        [] if named or not beside else [f"target: '{chosen}' is a guess among {', '.join(twofold)}: see --target"]
    )
    return Role(chosen, table[chosen].cast(pa.int8()), why, warnings)


def _is_binary(column: Column) -> bool:
    return is_number(column.type) and set(_few(column)) == {0, 1}


def _few(column: Column, most: int = 20) -> list[object]:
    """The distinct values that are not null, the first ones of many."""
    return list(column.drop_null().unique().slice(0, most).to_pylist())


def _outcomes(name: str, column: Column) -> Role:
    """The wished target. Of two words the rarer one counts as 1, of two numbers the greater one."""
    values, why = _few(column), "as --target says"
    if len(values) == 2 and is_number(column.type):
        low, high = sorted(values, key=float)  # type: ignore[arg-type]
        found = pc.equal(column, pa.scalar(high, column.type)).cast(pa.int8())
        plain = {low, high} == {0, 1}
        written = {} if plain else {"ones": (str(high),), "zeros": (str(low),)}
        return Role(name, found, why if plain else f"{why}; {high} counts as 1", **written)  # type: ignore[arg-type]
    if len(values) == 2 and is_text(column.type):
        counts = {str(item["values"]): item["counts"] for item in pc.value_counts(column.drop_null()).to_pylist()}
        one, zero = sorted(counts, key=lambda word: (counts[word], word))
        warning = f"target: that '{one}' counts as 1 and '{zero}' as 0 is a guess, for it is rarer: see --positive"
        found = pc.equal(column, pa.scalar(one, column.type)).cast(pa.int8())
        return Role(name, found, f"{why}; '{one}' counts as 1", [warning], ones=(one,), zeros=(zero,))
    many = pc.count_distinct(column).as_py()
    kind = "a number: to predict one is not supported" if is_number(column.type) and many > _CLASSES else "classes"
    told = (
        f"{many:,} different values, {kind}"
        if kind != "classes"
        else f"{many:,} classes, more than two are not supported"
    )
    raise ContractError(
        f"column '{name}': found {_listed(values)}: {told if many > 2 else 'not two outcomes'}, expected two outcomes to "
        "predict; say with --positive which value counts as 1 (all others count as 0), or name another --target"
    )


def _listed(values: list[object]) -> str:
    shown = ", ".join(str(value) for value in values[:5])
    return f"{shown}, …" if len(values) > 5 else shown or "no value"


def time(table: pa.Table, wished: str | None, layout: str | None, taken: tuple[str, ...]) -> Role:
    """The column that puts the rows in order.

    Raises:
        ContractError: the wished column holds no times, or lacks some; or no column holds times.
    """
    if wished is not None:
        layout = layout or usual_layout(table[wished])
        values = as_time(table[wished], layout)
        if values is None:
            raise ContractError(
                f"column '{wished}': found {_listed(_few(table[wished]))}, expected dates; say with --time-format how "
                "they are written, such as '%d/%m/%Y'"
            )
        if values.null_count:
            raise ContractError(
                f"column '{wished}': found {values.null_count:,} rows without a time, expected one in every row: "
                "leave these rows out, or name another --time"
            )
        return Role(wished, values, f"as --time says{_written(layout)}", layout=layout)
    found = {
        name: values for name in table.column_names if name not in taken if (values := _times(table, name)) is not None
    }
    dates = {name: values for name, values in found.items() if not is_number(table[name].type)}
    found = dates or found  # of digits only where nothing else tells the time: a year may stand beside its date
    named = [name for name in found if _TIME.search(name)]
    if not found:
        raise ContractError(
            "time: found no column of dates without gaps, expected one: rows are taken in their order. Name it with "
            "--time, and with --time-format how it is written, such as '%d/%m/%Y'"
        )
    chosen = (named or list(found))[0]
    others = ", ".join(name for name in found if name != chosen)
    layout = usual_layout(table[chosen])
    why = f"holds a date in every row{_written(layout)}" + (f"; {others} too" if others else "")
    return Role(chosen, found[chosen], why, layout=layout)


def _written(layout: str | None) -> str:
    return f", written as {layout}" if layout else ""


def _times(table: pa.Table, name: str) -> Column | None:
    """The column's times; digits are taken for times only where the name says so."""
    column = table[name]
    if column.null_count or (is_number(column.type) and not _TIME.search(name)):
        return None
    return as_time(column, usual_layout(column))


def identity(table: pa.Table, wished: str | None, taken: tuple[str, ...]) -> Role:
    """The column by which rows are known again; one is added where there is none.

    Raises:
        ContractError: the wished column has gaps or repeats, or is neither whole numbers nor text.
    """
    if wished is not None:
        if not _is_key(table[wished]):
            raise ContractError(
                f"column '{wished}': found gaps, repeats, or values that are neither whole numbers nor text; expected "
                "one value of its own for each row; name another --id, or leave it out and one is added"
            )
        return Role(wished, table[wished], "as --id says")
    for name in table.column_names:
        if name not in taken and _ID.search(name) and _is_key(table[name]):
            return Role(name, table[name], "is different in every row, and has such a name")
    numbers = pa.chunked_array([np.arange(1, table.num_rows + 1)])
    warning = (
        f"id: no column is one, so '{ADDED_ID}' was added, 1 to {table.num_rows:,}: rows that come later need ids of "
        "their own in a column of this name"
    )
    return Role(
        ADDED_ID, numbers, "added: no column had a value of its own for each row and the name of an id", [warning]
    )


def _is_key(column: Column) -> bool:
    fits = pa.types.is_integer(column.type) or is_text(column.type)
    return bool(fits) and column.null_count == 0 and pc.count_distinct(column).as_py() == len(column)


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
