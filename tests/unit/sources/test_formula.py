"""Formulas come from YAML files: they compute on columns, and reach nothing else."""

from typing import Any

import numpy as np
import pytest

from shotclock.errors import ConfigError
from shotclock.sources import formula


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x % 3 + 2 ** x", [1, 3, 6, 8]),
        ("-x // 2", [0, -1, -1, -2]),
        ("1 <= x < 3", [False, True, True, False]),
        ("not x == 1 and x < 3 or x == 3", [True, False, True, True]),
        ("'low' if x < 2 else 'high' + text(x, 3)", ["low", "low", "high002", "high003"]),
        ("min(max(x, 1), 2)", [1, 1, 2, 2]),
        ("iso_date(days(2019 + x, 12, 31) + 1)", ["2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01"]),
        ("7", [7, 7, 7, 7]),
    ],
)
def test_a_formula_is_evaluated_for_every_row(text: str, values: list[Any]) -> None:
    assert formula.evaluate(text, {"x": np.arange(4)}, 4).tolist() == values


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "x.dtype",
        "[y for y in x]",
        "lambda: x",
        "open('f')",
        "x[0]",
        "z + 1",
        "max(x, key=1)",
    ],
)
def test_a_formula_reaches_nothing_but_its_columns_and_functions(text: str) -> None:
    with pytest.raises(ConfigError, match="allowed: columns, numbers, texts"):
        formula.evaluate(text, {"x": np.arange(4)}, 4)


@pytest.mark.parametrize("text", ["1 +", "x = 3", "'a' - x", "sqrt(x, x, x, x)"])
def test_a_formula_that_makes_no_sense_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match="formula '"):
        formula.evaluate(text, {"x": np.arange(4)}, 4)


def test_a_formula_names_the_columns_that_it_reads_and_not_the_functions() -> None:
    assert formula.names("sqrt(x ** 2 + y) if max(z, 1) > 2 else 0") == {"x", "y", "z"}


def test_values_that_are_no_numbers_are_given_back_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    values = formula.evaluate("log(x) / 0", {"x": np.arange(2.0)}, 2)

    assert not np.isfinite(values).any()
    assert not recwarn.list
