"""Formulas over columns: a small, safe subset of Python expressions, evaluated on whole numpy arrays.

A formula is data from a YAML file, so it must not be able to reach anything but its columns and the functions below.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from shotclock.errors import ConfigError

Column = np.ndarray[Any, Any]


def _text(values: Any, width: int = 0) -> Column:
    """Whole numbers as text, filled with zeros to `width`."""
    return np.array([f"{int(value):0{width}d}" for value in np.atleast_1d(values)], dtype=object)


def _days(year: Any, month: Any, day: Any) -> Column:
    """A date as whole days since 1970-01-01."""
    months = (np.asarray(year, dtype="int64") - 1970) * 12 + np.asarray(month, dtype="int64") - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype("int64")
    return np.asarray(first + np.asarray(day, dtype="int64") - 1)


def _iso_date(days: Any) -> Column:
    """Days since 1970-01-01 as text, such as `2016-04-13`."""
    dates = np.atleast_1d(np.asarray(days, dtype="int64")).astype("datetime64[D]")
    return np.array([str(date) for date in dates], dtype=object)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "atan2": np.arctan2,
    "cos": np.cos,
    "days": _days,
    "exp": np.exp,
    "floor": np.floor,
    "iso_date": _iso_date,
    "log": np.log,
    "max": np.maximum,
    "min": np.minimum,
    "round": np.round,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "text": _text,
}

_BINARY: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[..., Any]] = {ast.USub: operator.neg, ast.Not: np.logical_not}
_LOGIC: dict[type[ast.boolop], Callable[..., Any]] = {ast.And: np.logical_and, ast.Or: np.logical_or}
_COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED = f"columns, numbers, texts, + - * / // % **, comparisons, and/or/not, `a if b else c`, {', '.join(FUNCTIONS)}"


def names(formula: str) -> set[str]:
    """The columns that a formula reads.

    Raises:
        ConfigError: the formula is not an expression.
    """
    tree = _parse(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def evaluate(formula: str, columns: Mapping[str, Column], rows: int) -> Column:
    """The formula's value for every row: an array of length `rows`.

    Raises:
        ConfigError: the formula is not an expression, uses what is not allowed, or cannot be computed.
    """
    tree = _parse(formula)
    try:
        with np.errstate(all="ignore"):  # the caller decides what infinite values mean
            value = np.asarray(_value(tree.body, columns, formula))
        return np.array(np.broadcast_to(value, (rows,)))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(f"formula '{formula}': cannot be computed ({error})") from error


def _parse(formula: str) -> ast.Expression:
    try:
        return ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"formula '{formula}': not an expression ({error})") from error


def _value(node: ast.expr, columns: Mapping[str, Column], formula: str) -> Any:
    def value(inner: ast.expr) -> Any:
        return _value(inner, columns, formula)

    result: Any
    match node:
        case ast.Constant(value=bool() | int() | float() | str()):
            result = node.value
        case ast.Name(id=name) if name in columns:
            result = columns[name]
        case ast.BinOp(op=op) if type(op) in _BINARY:
            result = _BINARY[type(op)](value(node.left), value(node.right))
        case ast.UnaryOp(op=op) if type(op) in _UNARY:
            result = _UNARY[type(op)](value(node.operand))
        case ast.BoolOp(op=op):
            result = reduce(_LOGIC[type(op)], [value(part) for part in node.values])
        case ast.Compare(ops=ops) if all(type(op) in _COMPARE for op in ops):
            result = _compared(ops, [value(part) for part in (node.left, *node.comparators)])
        case ast.IfExp():
            result = _chosen(value(node.test), value(node.body), value(node.orelse))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            result = FUNCTIONS[name](*(value(part) for part in node.args))
        case _:
            raise ConfigError(f"formula '{formula}': found '{ast.unparse(node)}', allowed: {_ALLOWED}")
    return result


def _compared(ops: list[ast.cmpop], values: list[Any]) -> Any:
    """`a < b < c` means `a < b and b < c`, as in Python."""
    result: Any = True
    for op, left, right in zip(ops, values, values[1:], strict=False):
        result = np.logical_and(result, _COMPARE[type(op)](left, right))
    return result


def _chosen(test: Any, then: Any, otherwise: Any) -> Column:
    """Row by row. Text becomes an array of objects: only these can be joined with `+`."""
    chosen: Column = np.where(test, then, otherwise)
    return chosen.astype(object) if chosen.dtype.kind == "U" else chosen
