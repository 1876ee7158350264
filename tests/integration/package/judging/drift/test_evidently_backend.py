"""What Evidently does not promise, and `evidently_backend` leans on: each test fails when that breaks, or may go."""

import numpy as np
import pandas as pd
import pytest
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from shotclock.config import Feature
from shotclock.judging.drift import evidently_backend

NAMES = ("z", "a", "</script><script>alert(1)</script>")
COLUMNS = {name: Feature(type="number", drift="wasserstein", drift_threshold=0.1) for name in NAMES}


def window(shift=0.0):
    """Three columns; the first moves by `shift`, the second by ten times that, the third stays."""
    values = np.random.default_rng(0).normal(size=(500, 3)) + np.array([shift, 10 * shift, 0.0])
    return pd.DataFrame(values, columns=list(NAMES))


def as_it_comes():
    """Evidently's own page about these columns."""
    tests = [ValueDrift(column=name, method="wasserstein", threshold=0.1) for name in NAMES]
    sides = [
        Dataset.from_pandas(side, DataDefinition(numerical_columns=list(NAMES))) for side in (window(0.2), window())
    ]
    return Report(tests, include_tests=True).run(*sides).get_html_str(as_iframe=False)


@pytest.fixture(scope="module")
def page():
    return as_it_comes()


def test_each_column_gets_its_own_score_in_whichever_order_they_are_asked_for():
    for names in (NAMES, NAMES[::-1]):
        scores, _ = evidently_backend.measure(window(0.2), window(), {name: COLUMNS[name] for name in names})
        assert scores == {"z": pytest.approx(0.2, abs=0.02), "a": pytest.approx(2.0, abs=0.2), NAMES[2]: 0.0}


def test_the_page_has_its_data_in_the_first_two_lines_of_its_first_script(page):
    lines = [line.strip() for line in page.partition("<script>\n")[2].split("\n", 2)[:2]]
    assert [line.split("metric_")[0] for line in lines] == ["var ", "var additional_graphs_"]
    assert all(line.endswith("};") for line in lines)


def test_evidently_by_itself_draws_new_ids_each_time_and_lets_a_column_end_the_script(page):
    """When it does neither, `_inert` goes."""
    assert page != as_it_comes()
    assert page.count("<script>alert(1)") > 0


def test_the_page_that_we_keep_is_the_same_each_time_and_no_column_ends_its_script():
    first, second = (evidently_backend.measure(window(0.2), window(), COLUMNS)[1] for _ in range(2))
    assert first == second
    assert "<script>alert(1)" not in first
