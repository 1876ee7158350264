"""Figures of labelled rows: equal to scikit-learn's, with honest intervals, and verdicts that do not alarm on noise."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import DegradationRules
from shotclock.errors import ContractError
from shotclock.judging import performance
from shotclock.judging.figure import Figure
from shotclock.judging.performance import Performance, Tally, estimate, judge_performance, losses, measure
from shotclock.judging.verdict import against_base_rate

PROPERTY = settings(deadline=None, max_examples=50)  # a busy machine is no reason to fail
RULES = DegradationRules()
PROBABILITY = st.floats(0, 1)
WINDOWS = st.lists(st.tuples(st.integers(0, 1), PROBABILITY), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(y for y, _ in rows) < len(rows)
)


@pytest.fixture(scope="module")
def kobe_windows(_dev, _prod, kobe):
    """base_test and labelled production with the probabilities of a plain tree and a plain logistic regression."""
    columns = kobe.columns
    dev, prod = (
        frame.dropna(subset=[columns.target]).sort_values([columns.time, columns.id]) for frame in (_dev, _prod)
    )
    train, test = train_test_split(dev, test_size=0.2, stratify=dev[columns.target], random_state=42)
    inputs = list(columns.features)
    models = {
        "tree": DecisionTreeClassifier(max_depth=3, random_state=42),
        "regression": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    found = {}
    for name, model in models.items():
        model.fit(train[inputs], train[columns.target])
        for window, rows in (("test", test), ("production", prod)):
            probability = model.predict_proba(rows[inputs])[:, 1]
            found[name, window] = rows[columns.target].to_numpy(), probability
    return found


def rows_of(window):
    y, p = zip(*window, strict=True)
    return np.array(y), np.array(p)


def test_losses_are_scikit_learns_also_where_a_probability_is_0_or_1():
    y, p = np.array([0, 1, 1, 0, 1]), np.array([0.0, 1.0, 0.0, 1.0, 0.3])
    one_by_one = [metrics.log_loss([a], [b], labels=[0, 1]) for a, b in zip(y, p, strict=True)]
    assert losses(y, p) == pytest.approx(one_by_one, abs=1e-12)
    assert np.isfinite(losses(y, p)).all()


def test_every_value_is_scikit_learns_on_real_rows(kobe_windows):
    y, p = kobe_windows["regression", "production"]
    found = measure(y, p, threshold=0.4)
    label = p >= 0.4
    base = np.full(len(y), y.mean())
    assert found.log_loss.value == pytest.approx(metrics.log_loss(y, p), abs=1e-12)
    assert found.constant_log_loss == pytest.approx(metrics.log_loss(y, base), abs=1e-12)
    assert found.log_loss_skill.value == pytest.approx(1 - metrics.log_loss(y, p) / metrics.log_loss(y, base))
    assert found.accuracy.value == pytest.approx(metrics.accuracy_score(y, label))
    assert found.f1.value == pytest.approx(metrics.f1_score(y, label))
    assert found.roc_auc.value == pytest.approx(metrics.roc_auc_score(y, p))
    assert (found.rows, found.positives, found.base_rate) == (5412, 1782, 1782 / 5412)


def test_on_production_log_loss_falls_while_the_skill_goes_below_0(kobe_windows):
    test, production = (measure(*kobe_windows["tree", window]) for window in ("test", "production"))
    assert (test.log_loss.value, production.log_loss.value) == pytest.approx((0.6736, 0.6503), abs=5e-5)
    assert (test.log_loss_skill.value, test.log_loss_skill.low, test.log_loss_skill.high) == pytest.approx(
        (0.0268, 0.018, 0.035), abs=1e-3
    )
    assert (
        production.log_loss_skill.value,
        production.log_loss_skill.low,
        production.log_loss_skill.high,
    ) == pytest.approx((-0.0263, -0.034, -0.019), abs=1e-3)
    assert production.f1.value == 0
    verdict = judge_performance(production, test, RULES)
    assert verdict.status == "alert"
    assert "-0.0263" in verdict.reason


def test_the_logistic_regression_does_not_alarm_on_production(kobe_windows):
    test, production = (measure(*kobe_windows["regression", window]) for window in ("test", "production"))
    assert (
        production.log_loss_skill.value,
        production.log_loss_skill.low,
        production.log_loss_skill.high,
    ) == pytest.approx((0.0075, 0.005, 0.010), abs=1e-3)
    assert judge_performance(production, test, RULES).status == "ok"


def test_intervals_are_those_of_drawing_rows_one_by_one(kobe_windows):
    y, p = kobe_windows["regression", "production"]  # 5,391 distinct probabilities: levels are shared
    found = measure(y, p)
    generator = np.random.default_rng(7)
    drawn = []
    for _ in range(400):
        rows = generator.integers(0, len(y), len(y))
        loss, rate = losses(y[rows], p[rows]).mean(), y[rows].mean()
        constant = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
        drawn.append((loss, 1 - loss / constant, metrics.roc_auc_score(y[rows], p[rows])))
    for figure, values in zip((found.log_loss, found.log_loss_skill, found.roc_auc), np.transpose(drawn), strict=True):
        width = np.std(values)
        assert (figure.low, figure.high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.35 * width)


def test_the_same_rows_give_the_same_figures_and_another_seed_other_intervals(kobe_windows):
    y, p = kobe_windows["tree", "production"]
    assert measure(y, p, seed=1) == measure(y, p, seed=1)
    assert measure(y, p, seed=1).log_loss != measure(y, p, seed=2).log_loss


def test_a_wider_confidence_gives_a_wider_interval(kobe_windows):
    y, p = kobe_windows["tree", "test"]
    narrow, wide = (measure(y, p, confidence=c).log_loss for c in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    generator, covered = np.random.default_rng(3), 0
    p = np.repeat([0.2, 0.4, 0.6], 300)
    truth = -(p * np.log(p) + (1 - p) * np.log(1 - p)).mean()
    for seed in range(200):
        y = (generator.random(len(p)) < p).astype(int)
        found = measure(y, p, resamples=300, seed=seed, confidence=0.9).log_loss
        covered += found.low <= truth <= found.high
    assert 0.84 <= covered / 200 <= 0.96


def test_calibration_error_of_true_probabilities_is_near_0_and_of_shifted_ones_is_the_shift():
    generator = np.random.default_rng(5)
    p = generator.uniform(0.2, 0.6, 40_000)
    y = (generator.random(len(p)) < p).astype(int)
    assert measure(y, p).calibration_error.value < 0.01
    shifted = measure(y, p + 0.3).calibration_error
    assert shifted.value == pytest.approx(0.3, abs=0.01)
    assert shifted.low <= 0.3 <= shifted.high


def test_calibration_error_is_the_mean_gap_over_ten_bins_of_equal_mass():
    generator = np.random.default_rng(6)
    p = np.sort(generator.uniform(size=500))
    y = generator.integers(0, 2, 500)
    gaps = [abs(y[rows].mean() - p[rows].mean()) for rows in np.split(np.arange(500), 10)]
    assert measure(y, p).calibration_error.value == pytest.approx(np.mean(gaps))


def test_the_interval_of_the_calibration_error_is_free_of_the_inflation_by_resampling():
    generator, off_centre = np.random.default_rng(8), []
    for seed in range(30):
        p = generator.uniform(0.2, 0.6, 1000)
        found = measure(generator.random(1000) < p, p, resamples=200, seed=seed).calibration_error
        off_centre.append(((found.low + found.high) / 2 - found.value) / (found.high - found.low))
    assert abs(np.mean(off_centre)) < 0.1  # uncorrected: 0.38


def test_rows_of_one_probability_are_one_calibration_bin():
    y = np.array([0, 1] * 500)
    assert measure(y, np.full(1000, 0.5)).calibration_error.value == 0  # split by row order, bins would differ


@PROPERTY
@given(WINDOWS)
def test_every_interval_contains_its_value_and_is_finite(window):
    for figure in measure(*rows_of(window), resamples=100).figures.values():
        assert np.isfinite([figure.low, figure.value, figure.high]).all()
        assert figure.low <= figure.value <= figure.high


@PROPERTY
@given(WINDOWS)
def test_the_constant_at_the_base_rate_has_skill_0_and_ranks_nothing(window):
    y, _ = rows_of(window)
    found = measure(y, np.full(len(y), y.mean()), resamples=100)
    assert found.log_loss_skill.value == pytest.approx(0, abs=1e-9)
    assert found.roc_auc.value == 0.5
    assert found.calibration_error.value == pytest.approx(0, abs=1e-9)


@PROPERTY
@given(WINDOWS)
def test_the_order_of_rows_does_not_matter(window):
    a, b = (measure(*rows_of(rows), resamples=100).figures for rows in (window, window[::-1]))
    for name in a:
        assert a[name].value == pytest.approx(b[name].value)


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 63)), min_size=2, max_size=60))
def test_swapping_the_classes_changes_neither_log_loss_nor_skill_nor_auc(window):
    y, p = rows_of([(label, step / 64) for label, step in window])  # 1 - p is exact
    a, b = measure(y, p, resamples=100).figures, measure(1 - y, 1 - p, resamples=100).figures
    for name in ("log_loss", "log_loss_skill", "roc_auc"):
        if name in a:
            assert a[name].value == pytest.approx(b[name].value, abs=1e-9)


def test_one_class_gives_what_can_be_measured_and_says_what_cannot():
    found = measure(np.ones(2000), np.full(2000, 0.7))
    assert found.log_loss is not None
    assert found.log_loss_skill is None
    assert found.roc_auc is None
    assert "all 2,000 labels are 1" in found.gap
    assert np.isfinite(list(found.metrics().values())).all()
    verdict = judge_performance(found, None, RULES)
    assert verdict.status == "insufficient data"
    assert verdict.reason == found.gap


def test_no_rows_is_a_result_and_not_an_error():
    found = measure([], [])
    assert (found.rows, found.figures, found.gap) == (0, {}, "no labelled rows")
    assert judge_performance(found, None, RULES).status == "insufficient data"
    assert judge_performance(None, found, RULES).status == "insufficient data"


@pytest.mark.parametrize(
    ("y", "p", "said"),
    [
        ([0, 1], [0.5], "shape"),
        ([0, 2], [0.5, 0.5], "found 2.0 (1 rows in all), expected 0 or 1"),
        ([0, np.nan], [0.5, 0.5], "leave unlabelled rows out"),
        ([0, 1], [0.5, np.nan], "found nan"),
        ([0, 1], [0.5, 1.5], "expected numbers in [0, 1]"),
        ([0, 1], [[0.5, 0.5], [0.1, 0.9]], "the column of label 1 alone"),
    ],
)
def test_what_is_not_a_label_or_a_probability_is_refused_by_name(y, p, said):
    for function in (losses, measure):
        with pytest.raises(ContractError) as error:
            function(y, p)
        assert said in str(error.value)


def test_the_estimate_needs_no_labels_and_is_wrong_where_calibration_has_gone(kobe_windows):
    for name, expected, real in (("regression", 0.6269, 0.6289), ("tree", 0.6776, 0.6503)):
        y, p = kobe_windows[name, "production"]
        found = estimate(p)
        assert found.log_loss == pytest.approx(expected, abs=5e-5)
        assert losses(y, p).mean() == pytest.approx(real, abs=5e-5)
    assert found.accuracy == pytest.approx(0.5863, abs=5e-5)


def test_the_estimate_of_certain_predictions_is_0_and_of_no_rows_is_nothing():
    assert estimate([0.0, 1.0]).log_loss == 0
    assert estimate([0.0, 1.0]).accuracy == 1
    assert estimate([]).log_loss is None


@PROPERTY
@given(st.lists(PROBABILITY, min_size=1, max_size=50))
def test_the_estimate_is_the_mean_over_both_labels_weighted_by_their_probability(p):
    p = np.array(p)
    both = p * losses(np.ones(len(p)), p) + (1 - p) * losses(np.zeros(len(p)), p)
    assert estimate(p).log_loss == pytest.approx(both.mean(), abs=1e-9)


def window_with_skill(value, low, high, rows=5000):
    return Performance(rows, rows // 2, 0.95, 0.5, 0.69, log_loss_skill=Figure(value, low, high))


@pytest.mark.parametrize(
    ("current", "reference", "status"),
    [
        (window_with_skill(-0.03, -0.04, -0.02), window_with_skill(0.03, 0.02, 0.04), "alert"),
        (window_with_skill(-0.03, -0.04, -0.02), None, "alert"),
        (window_with_skill(-0.01, -0.04, 0.02), window_with_skill(0.02, 0.01, 0.03), "warning"),
        (window_with_skill(0.20, 0.18, 0.22), window_with_skill(0.30, 0.28, 0.32), "alert"),
        (window_with_skill(0.24, 0.15, 0.33), window_with_skill(0.30, 0.28, 0.32), "warning"),
        (window_with_skill(0.26, 0.25, 0.27), window_with_skill(0.30, 0.29, 0.31), "ok"),
        (window_with_skill(0.40, 0.38, 0.42), window_with_skill(0.30, 0.28, 0.32), "ok"),
        (window_with_skill(0.02, 0.01, 0.03), None, "ok"),
        (window_with_skill(0.02, -0.01, 0.05), None, "warning"),
        (window_with_skill(0.02, 0.0, 0.05), window_with_skill(0.02, 0.01, 0.03), "warning"),
        (window_with_skill(-0.9, -0.95, -0.85, rows=999), None, "insufficient data"),
        (window_with_skill(-0.9, -0.95, -0.85, rows=1000), None, "alert"),
    ],
)
def test_the_verdict_on_a_skill(current, reference, status):
    verdict = judge_performance(current, reference, RULES)
    assert verdict.status == status
    if current.rows >= RULES.min_rows:  # a sentence without jargon, then the figures
        said, _, figures = verdict.reason.partition("; ")
        assert said.endswith(against_base_rate(current.log_loss_skill))
        assert figures.startswith(f"log-loss skill {current.log_loss_skill}")


def test_a_noisy_small_window_of_a_useful_model_does_not_alarm(kobe_windows):
    y, p = kobe_windows["regression", "test"]
    reference, alarms = measure(y, p), 0
    for seed in range(50):
        rows = np.random.default_rng(seed).choice(len(y), 1000, replace=False)
        alarms += judge_performance(measure(y[rows], p[rows], resamples=200), reference, RULES).status == "alert"
    assert alarms == 0


def test_a_performance_survives_storage(kobe_windows):
    found = measure(*kobe_windows["tree", "test"])
    assert TypeAdapter(Performance).validate_python(json.loads(json.dumps(asdict(found)))) == found
    assert found.metrics()["log_loss_skill_low"] == found.log_loss_skill.low


# Tallies: the same figures for rows that need not fit in memory


def _window(rows, seed=0, low=0.0):
    rng = np.random.default_rng(seed)
    p = np.clip(rng.beta(2, 3, rows) - low, 0, 1)
    return (rng.random(rows) < p).astype(float), p


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=6), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_a_window_has_the_same_figures_to_the_last_bit_however_it_is_cut_and_in_any_order(cuts, random, low):
    y, p = _window(3000, low=low)
    parts = [Tally.of(a, b) for a, b in zip(np.split(y, sorted(cuts)), np.split(p, sorted(cuts)), strict=True)]
    random.shuffle(parts)
    whole, total = Tally.of(y, p), sum(parts, Tally.empty())
    assert total.measure(resamples=100) == whole.measure(resamples=100)


def test_rows_above_a_chunk_are_counted_as_those_of_several(monkeypatch):
    y, p = _window(5000)
    whole = Tally.of(y, p).measure(resamples=100)
    monkeypatch.setattr(performance, "CHUNK", 700)
    assert Tally.of(y, p).measure(resamples=100) == whole


@pytest.mark.parametrize("rows", [2000, 60_000])
@pytest.mark.parametrize("low", [0.0, 0.4])
def test_a_tallys_figures_are_those_of_the_rows(rows, low):
    y, p = _window(rows, low=low)
    exact, tallied = measure(y, p), Tally.of(y, p).measure()
    assert (tallied.rows, tallied.positives, tallied.base_rate) == (exact.rows, exact.positives, exact.base_rate)
    tolerance = {
        "f1": 0,
        "accuracy": 0,
        "log_loss": 1e-8,
        "log_loss_skill": 1e-7,
        "roc_auc": 0.1 / rows,
        "calibration_error": 1e-3,
    }
    for name, figure in exact.figures.items():
        found = tallied.figures[name]
        assert found.value == pytest.approx(figure.value, abs=tolerance[name]), name
        width = figure.high - figure.low
        assert (found.low, found.high) == pytest.approx((figure.low, figure.high), abs=0.15 * width), name


def test_a_tree_has_few_probabilities_and_its_intervals_are_the_very_same():
    rng = np.random.default_rng(3)
    p = rng.choice([0.11, 0.3, 0.5, 0.62, 0.9], 4000)
    y = (rng.random(4000) < p).astype(float)
    exact, tallied = measure(y, p), Tally.of(y, p).measure()
    for name, figure in exact.figures.items():
        found = tallied.figures[name]
        assert (found.value, found.low, found.high) == pytest.approx((figure.value, figure.low, figure.high), abs=1e-7)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_tally_of_one_label_says_which_figures_it_lacks(label):
    found = Tally.of(np.full(50, label), np.linspace(0, 1, 50)).measure(resamples=100)
    assert found.gap == f"all 50 labels are {label:.0f}: log-loss skill and ROC AUC need both"
    assert found.log_loss_skill is found.roc_auc is None


def test_an_empty_tally_has_no_figures():
    assert Tally.empty().measure() == measure([], [])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_levels_rise_with_the_probability_and_part_at_one_half(values):
    p = np.sort(np.array(values))
    level = performance._fixed_level(p)
    assert (np.diff(level) >= 0).all()
    np.testing.assert_array_equal(level >= performance._SIDE, p >= 0.5)
    assert level.min() >= 0 and level.max() < 2 * performance._SIDE
