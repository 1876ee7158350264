"""Drift: what moved is found, what did not move does not alarm, and what cannot be judged says so."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from shotclock.config import DriftRules, Feature
from shotclock.errors import ContractError
from shotclock.judging.drift import check, draw

RULES = DriftRules()
NUMBER = Feature(type="number", drift_threshold=0.1)
FLAG = Feature(type="integer", allowed=(0, 1), drift="jensenshannon", drift_threshold=0.1)


@pytest.fixture(scope="module")
def features(kobe):
    return kobe.columns.features


@pytest.fixture(scope="module")
def labelled(_dev, kobe):
    columns = kobe.columns
    return _dev.dropna(subset=[columns.target]).sort_values([columns.time, columns.id])


@pytest.fixture(scope="module")
def found(_prod, labelled, kobe):
    """Production against base_test, with a prediction and the label."""
    target = kobe.columns.target
    _, test = train_test_split(labelled, test_size=0.2, stratify=labelled[target], random_state=42)
    made_up = [frame.assign(probability=0.6 - frame["shot_distance"] / 60) for frame in (_prod, test)]
    current, reference = (frame.assign(probability=frame["probability"].clip(0, 1)) for frame in made_up)
    return check(current, reference, kobe.columns.features, RULES, prediction="probability", target=target)


def window(rows=2000, seed=0, **changed):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": generator.normal(size=rows), "b": generator.uniform(size=rows), "c": generator.integers(0, 2, rows)}
    )
    return frame.assign(**changed)


COLUMNS = {"a": NUMBER, "b": NUMBER, "c": FLAG}


def test_production_drifts_from_base_test_in_5_of_6_columns_and_playoffs_is_not_among_them(found):
    assert found.verdict.status == "alert"
    assert found.share == pytest.approx(5 / 6)
    assert [c.column for c in found.columns if not c.drifted] == ["playoffs"]
    assert "5 of 6 columns drifted" in found.verdict.reason
    assert (found.current.used, found.reference.used) == (6426, 4057)


def test_the_scores_against_all_labelled_training_rows(_prod, labelled, features):
    scores = {c.column: c.score for c in check(_prod, labelled, features, RULES).columns}
    assert scores == pytest.approx(
        {
            "lat": 1.988,
            "lon": 0.796,
            "minutes_remaining": 0.290,
            "period": 0.202,
            "playoffs": 0.012,
            "shot_distance": 2.033,
        },
        abs=1e-3,
    )


def test_predictions_and_labels_are_figures_of_their_own(found):
    assert found.prediction.drifted
    assert found.prediction.column == "probability"
    assert found.label.score == pytest.approx(0.108, abs=1e-3)
    assert len(found.columns) == 6
    assert found.verdict.figures["label"] == found.label.score


@pytest.mark.parametrize("seed", range(5))
def test_random_halves_of_the_training_rows_do_not_drift(labelled, features, seed):
    order = np.random.default_rng(seed).permutation(len(labelled))
    half = len(labelled) // 2
    result = check(labelled.iloc[order[:half]], labelled.iloc[order[half:]], features, RULES)
    assert (result.verdict.status, result.share) == ("ok", 0)


def test_production_by_time_drifts_in_three_columns_barely(_prod, features, kobe):
    columns = kobe.columns
    prod = _prod.dropna(subset=[columns.target]).sort_values([columns.time, columns.id])
    result = check(prod[2706:], prod[:2706], features, RULES)
    assert {c.column: round(c.score, 3) for c in result.columns if c.drifted} == {
        "lat": 0.105,
        "period": 0.137,
        "shot_distance": 0.105,
    }
    assert result.verdict.status == "alert"  # at a share of 0.5
    assert check(prod[2706:], prod[:2706], features, DriftRules(share=0.6)).verdict.status == "warning"


def test_the_scores_do_not_depend_on_how_many_rows_come():
    """Evidently's own choice would change from p-values to distances at 1,000 reference rows."""
    small, large = (
        check(window(n, 1, b=np.linspace(0, 1.2, n)), window(n, 2, b=np.linspace(0, 1, n)), COLUMNS, RULES)
        for n in (1000, 20_000)
    )
    assert [c.method for c in small.columns] == ["wasserstein", "wasserstein", "jensenshannon"]
    assert small.columns[1].score == pytest.approx(large.columns[1].score, rel=0.01)


def test_a_number_with_few_values_is_measured_as_a_number():
    """Of categories the distance would be the same for both; of numbers 4 lies nearer to 3 than 9 does."""
    reference = window(b=np.tile([1.0, 2, 3, 1], 500))
    near, far = (check(window(b=np.tile([1.0, 2, x, 1], 500)), reference, COLUMNS, RULES) for x in (4, 9))
    assert near.columns[1].score < far.columns[1].score


def test_a_window_below_the_minimum_is_insufficient_and_evidently_does_not_run(monkeypatch):
    monkeypatch.setattr("shotclock.judging.drift._measured", lambda *_: pytest.fail("it ran"))
    for current, reference in ((window(999), window()), (window(), window(999)), (window(0), window())):
        result = check(current + 100, reference, COLUMNS, RULES)
        assert result.verdict.status == "insufficient data"
        assert "1,000 are needed" in result.verdict.reason
        assert result.share is None
        assert "<body>" in result.html


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"a": np.nan}, "a: 0 values in the current window"),
        ({"a": None}, "a: 0 values in the current window"),
        ({"a": np.inf}, "a: 0 values in the current window"),
        ({"b": [0.5] * 500 + [np.nan] * 1500}, "b: 500 values in the current window, 1,000 are needed"),
        ({"a": 7.0}, "a: constant (7) in the current window, but not in the reference: is the feed broken?"),
        ({"a": np.nan, "b": 3.0}, "b: constant (3)"),
        ({"c": np.nan}, "c: 0 values in the current window"),
    ],
)
def test_a_broken_feed_is_not_taken_for_drift(changed, said):
    result = check(window(**changed), window(seed=1), COLUMNS, DriftRules(share=0.01))
    assert result.verdict.status == "insufficient data"
    assert said in result.verdict.reason
    assert result.share is None
    assert not any(column.drifted for column in result.columns)


@pytest.mark.parametrize(
    ("rested", "status"), [(2000, "judged"), (1999, "insufficient data"), (0, "insufficient data")]
)
def test_a_column_that_rests_in_the_reference_over_as_many_rows_too_is_not_broken(rested, status):
    """It snows in winter: nothing is broken in July because nothing falls."""
    reference = window(rows=6000)
    reference.loc[1000 : 1000 + rested - 1, "a"] = 0.0
    result = check(window(seed=1, a=0.0), reference, COLUMNS, RULES)
    assert result.broken == ([] if status == "judged" else ["a"])
    assert (result.columns[0].score is not None) == (status == "judged")


def test_a_broken_reference_is_insufficient_too():
    assert check(window(), window(a=np.nan), COLUMNS, RULES).verdict.status == "insufficient data"
    changed = check(window(), window(a=1.0), COLUMNS, RULES)
    assert "a: constant (1) in the reference: no scale" in changed.verdict.reason


def test_a_column_that_was_and_is_constant_has_not_drifted():
    result = check(window(a=1.0, c=0), window(seed=1, a=1.0, c=0), COLUMNS, RULES)
    assert (result.verdict.status, result.columns[0].score, result.columns[2].score) == ("ok", 0, 0)


def test_a_category_may_be_constant_and_a_new_one_is_drift():
    reference = window(c=np.tile([0, 0, 0, 1], 500))
    season = check(window(seed=1, c=0), reference, COLUMNS, RULES)
    assert season.verdict.status == "warning"
    assert season.columns[2].drifted
    assert check(window(seed=1, c=2), reference, COLUMNS, RULES).columns[2].score > 0.8


def test_labels_of_one_class_or_none_leave_the_verdict_on_the_features_alone():
    for labels in (1.0, np.nan):
        current, reference = window(y=labels), window(seed=1, y=np.tile([0, 1], 1000))
        result = check(current, reference, COLUMNS, RULES, target="y")
        assert result.verdict.status == "ok"
        assert result.label.score is None
        assert "labels not judged" in result.verdict.reason


def test_drifted_predictions_alone_are_a_warning():
    result = check(window(p=0.1 + window().b), window(seed=1, p=window(seed=1).b), COLUMNS, RULES, prediction="p")
    assert (result.verdict.status, result.share) == ("warning", 0)
    assert "predictions drifted" in result.verdict.reason


def test_integers_floats_booleans_and_nullable_columns_compare_as_numbers():
    current = window(c=pd.array([True, False] * 1000, dtype="boolean"), b=pd.array([1, 2] * 1000, dtype="Int64"))
    reference = window(c=np.array([0.0, 1.0] * 1000), b=np.array([1.0, 2.0] * 1000), a=window()["a"].astype(object))
    assert check(current, reference, COLUMNS, RULES).share == 0


def test_a_missing_column_or_one_of_text_is_named():
    with pytest.raises(ContractError, match="column 'b' is not in the reference window"):
        check(window(), window().drop(columns="b"), COLUMNS, RULES)
    with pytest.raises(ContractError, match="column 'b' of the current window holds string"):
        check(window(b="1.5"), window(), COLUMNS, RULES)


def test_large_windows_are_sampled_with_a_seed_and_the_verdict_says_so():
    rules = DriftRules(max_rows=1500)
    one, two = (check(window(3000), window(1600, 1), COLUMNS, rules) for _ in range(2))
    assert one == two
    assert (one.current.used, one.current.there, one.reference.used) == (1500, 3000, 1500)
    assert "a seeded sample of 1,500 of 3,000 current" in one.verdict.reason
    assert check(window(3000), window(1600, 1), COLUMNS, DriftRules(max_rows=1500, seed=1)).columns != one.columns


def test_a_caller_that_has_drawn_already_says_how_many_rows_there_were():
    result = check(window(), window(seed=1), COLUMNS, RULES, current_rows=50_000_000)
    assert "a seeded sample of 2,000 of 50,000,000 current" in result.verdict.reason


def test_drawn_rows_are_ascending_distinct_and_seeded():
    rows = draw(50_000_000, 1000, seed=42)
    assert len(rows) == 1000
    assert (np.diff(rows) > 0).all()
    assert rows.max() < 50_000_000
    assert (rows == draw(50_000_000, 1000, seed=42)).all()
    assert (rows != draw(50_000_000, 1000, seed=43)).any()
    assert draw(5, 10, seed=1).tolist() == [0, 1, 2, 3, 4]


def test_the_index_of_a_window_does_not_matter():
    current = window()
    shuffled = current.set_index(np.zeros(len(current), dtype=int))
    assert check(shuffled, window(seed=1), COLUMNS, RULES) == check(current, window(seed=1), COLUMNS, RULES)


def test_check_does_not_change_its_input():
    current, reference = window(), window(seed=1)
    check(current, reference, COLUMNS, RULES)
    pd.testing.assert_frame_equal(current, window())
    pd.testing.assert_frame_equal(reference, window(seed=1))


def embedded(page):
    """The widgets that Evidently's part of the page draws: what it counts, and what its tests concluded."""
    top, *others = json.loads(re.search(r"var metric_\w+ = (.*);\n", page)[1])["widgets"]
    counters = [widget["params"]["counters"][0] for widget in top["widgets"] if widget["type"] == "counter"]
    tests = next(widget["params"]["tests"] for widget in others if "tests" in widget["params"])
    return counters, {test["title"]: test["state"] for test in tests}


def test_the_report_says_what_the_verdict_says(found):
    counters, tests = embedded(found.html)
    columns = (*found.columns, found.prediction, found.label)
    assert len(counters) == len(tests) == len(columns)
    for counter, column in zip(counters, columns, strict=True):
        assert counter["value"] == f"Drift in column '{column.column}'"
        assert ("not detected" in counter["label"]) != column.drifted
        assert counter["label"].endswith(f"Drift score: {round(column.score, 3)}")
        assert tests[f"Value Drift for column {column.column}"] == ("fail" if column.drifted else "success")


def test_the_report_loads_nothing_from_outside(found):
    before_library, library = found.html.split("var global = globalThis", 1)
    assert len(found.html) < 5_000_000
    assert "default-src 'none'" in before_library[:500]  # the browser refuses what the page does not hold
    assert not re.findall(r"\b(?:src|href)\s*=|@import|https?:", before_library)
    assert not re.findall(r"<(?:script|link)[^>]+https?:", library)


def test_the_same_windows_give_the_same_bytes():
    a, b = (check(window(), window(seed=1), COLUMNS, RULES).html for _ in range(2))
    assert a == b


def test_names_that_are_markup_stay_text():
    name = "</script><script>alert(1)</script>"
    columns = {name: FLAG, "<img src=x onerror=alert(1)>": NUMBER}
    current = pd.DataFrame({name: window()["c"], "<img src=x onerror=alert(1)>": window()["a"]})
    page = check(current, current, columns, RULES).html
    harmless = check(window(), window(), COLUMNS, RULES).html
    assert name not in page
    assert "<img src=x" not in page
    assert page.count("<script") == harmless.count("<script")
    assert page.count("</script>") == harmless.count("</script>")


def test_metrics_are_flat_and_finite(found):
    flat = found.metrics()
    assert flat["drift_share"] == pytest.approx(5 / 6)
    assert flat["drift_score_probability"] == found.prediction.score
    assert np.isfinite(list(flat.values())).all()
    assert "html" not in found.to_dict()


def test_importing_the_module_does_not_import_evidently():
    code = "import sys, shotclock.judging.drift; sys.exit('evidently' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


GAPPY = Feature(type="number", missing="allowed")


def gappy(share, rows=2000, seed=0):
    """A window whose column `a` lacks this share of its values."""
    found = window(rows, seed)
    return found.assign(a=found["a"].where(np.random.default_rng(seed + 7).random(rows) >= share))


@pytest.mark.parametrize(
    ("now", "then", "drifted", "distance"),
    [
        (0.0, 0.0, False, 0.0),
        (0.3, 0.3, False, 0.01),
        (0.0, 0.01, False, 0.06),
        (0.05, 0.0, True, 0.13),
        (0.2, 0.35, True, 0.12),
        (0.9, 0.9, False, 0.02),
        (0.95, 0.5, True, 0.38),
        (1.0, 0.1, True, 0.73),
        (1.0, 1.0, False, 0.0),
    ],
)
def test_a_number_that_may_be_missing_drifts_when_another_share_is_missing(now, then, drifted, distance):
    found = check(gappy(now), gappy(then, seed=1), {**COLUMNS, "a": GAPPY}, RULES)
    column = found.columns[0]
    assert column.missing == pytest.approx(distance, abs=0.02)
    assert column.missing_drifted == column.drifted == drifted
    assert found.verdict.status == ("warning" if drifted else "ok")  # one of three columns, and no want of data
    assert found.metrics()["drift_missing_a"] == column.missing
    assert ("in what is missing" in found.verdict.reason) == drifted


def test_too_few_values_are_a_want_of_data_only_where_none_may_be_missing():
    found = check(gappy(0.9), gappy(0.9, seed=1), COLUMNS, RULES)
    assert found.verdict.status == "insufficient data" and "a: " in found.verdict.reason


def test_a_number_that_may_be_missing_and_stands_still_is_a_broken_feed_all_the_same():
    now = gappy(0.2)
    found = check(
        now.assign(a=now["a"].where(now["a"].isna(), 3.0)), gappy(0.2, seed=1), {**COLUMNS, "a": GAPPY}, RULES
    )
    assert found.broken == ["a"] and found.verdict.status == "insufficient data"
