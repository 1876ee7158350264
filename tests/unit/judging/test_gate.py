"""The gate: promotes what is proven better, and nothing else."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import GateRules
from shotclock.errors import ContractError
from shotclock.judging.gate import NORMAL_FROM, judge, paired_gain, rows_needed, untouched
from shotclock.judging.performance import losses

PROPERTY = settings(deadline=None, max_examples=50)  # a busy machine is no reason to fail
RULES = GateRules()
QUICK = GateRules(min_rows=2, resamples=100)
INSIDE = st.floats(0.01, 0.99)
HOLDOUTS = st.lists(st.tuples(st.integers(0, 1), INSIDE, INSIDE), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(y for y, _, _ in rows) < len(rows)
)


def columns_of(holdout):
    y, champion, challenger = (np.array(column) for column in zip(*holdout, strict=True))
    return y, champion, challenger


@pytest.fixture(scope="module")
def halves(_dev, _prod, kobe):
    """Training shots, and the first and second half of labelled production, in time order."""
    columns = kobe.columns
    dev, prod = (
        frame.dropna(subset=[columns.target]).sort_values([columns.time, columns.id]) for frame in (_dev, _prod)
    )
    return dev, prod.iloc[:2706], prod.iloc[2706:]


def old_and_refitted(model, halves, kobe):
    """The holdout's labels, and the probabilities of a model of dev alone and of one that saw recent rows too."""
    dev, first, second = halves
    inputs, target = list(kobe.columns.features), kobe.columns.target
    given = [
        model.fit(rows[inputs], rows[target]).predict_proba(second[inputs])[:, 1]
        for rows in (dev, pd.concat([dev, first]))
    ]
    return second[target].to_numpy(), *given


def test_a_refitted_tree_is_promoted_on_the_second_half_of_production(halves, kobe):
    tree = DecisionTreeClassifier(max_depth=3, random_state=42)
    y, old, new = old_and_refitted(tree, halves, kobe)
    decision = judge(old, new, y, RULES)
    assert decision.outcome == "promote"
    gain = decision.gain
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.0213, 0.0153, 0.0272), abs=5e-4)
    assert gain.value == pytest.approx(losses(y, old).mean() - losses(y, new).mean())
    assert "excludes 0" in decision.because


def test_a_refitted_logistic_regression_is_not_significant_and_the_champion_is_kept(halves, kobe):
    y, old, new = old_and_refitted(make_pipeline(StandardScaler(), LogisticRegression()), halves, kobe)
    decision = judge(old, new, y, RULES)
    assert decision.outcome == "keep"
    gain = decision.gain
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.0004, -0.0001, 0.0009), abs=2e-4)
    assert gain.low < 0 < gain.high


def test_a_model_that_tells_something_beats_the_constant_when_there_is_no_champion(halves, kobe):
    dev, _, _ = halves
    inputs, target = list(kobe.columns.features), kobe.columns.target
    train, test = dev.iloc[::2], dev.iloc[1::2]
    model = DecisionTreeClassifier(max_depth=3, random_state=42).fit(train[inputs], train[target])
    decision = judge(None, model.predict_proba(test[inputs])[:, 1], test[target], RULES)
    assert (decision.outcome, decision.against) == ("promote", "constant predictor")
    assert decision.champion_log_loss == pytest.approx(0.6921, abs=1e-3)


def test_the_constant_itself_does_not_beat_the_constant():
    y = np.array([0, 0, 1] * 400)
    decision = judge(None, np.full(len(y), 1 / 3), y, RULES)
    assert decision.outcome == "keep"
    assert decision.gain.value == pytest.approx(0, abs=1e-12)


def test_a_model_worse_than_the_constant_is_not_made_champion_even_when_there_is_none():
    y = np.array([0, 0, 1] * 400)
    assert judge(None, np.full(len(y), 0.6), y, RULES).outcome == "keep"


@PROPERTY
@given(HOLDOUTS)
def test_swapping_champion_and_challenger_negates_the_gain(holdout):
    y, a, b = columns_of(holdout)
    there, back = judge(a, b, y, QUICK).gain, judge(b, a, y, QUICK).gain
    assert there.value == -back.value
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)


@PROPERTY
@given(HOLDOUTS, st.floats(0, 0.5))
def test_identical_models_are_never_promoted(holdout, min_gain):
    y, model, _ = columns_of(holdout)
    rules = QUICK.model_copy(update={"min_gain": min_gain})
    assert judge(model, model.copy(), y, rules).outcome == "keep"


@PROPERTY
@given(HOLDOUTS)
def test_never_are_both_of_two_models_promoted_over_each_other(holdout):
    y, a, b = columns_of(holdout)
    rules = QUICK.model_copy(update={"min_gain": 0.0})
    assert not (judge(a, b, y, rules).promoted and judge(b, a, y, rules).promoted)


@PROPERTY
@given(HOLDOUTS, st.floats(0, 1), st.floats(0, 1))
def test_asking_for_more_gain_never_promotes_more(holdout, one, other):
    y, a, b = columns_of(holdout)
    less, more = (judge(a, b, y, QUICK.model_copy(update={"min_gain": gain})) for gain in sorted((one, other)))
    assert less.promoted or not more.promoted


@PROPERTY
@given(HOLDOUTS)
def test_the_same_input_gives_the_same_decision(holdout):
    y, a, b = columns_of(holdout)
    assert judge(a, b, y, QUICK) == judge(a, b, y, QUICK)


def test_each_condition_that_fails_is_named():
    generator = np.random.default_rng(1)
    y = (generator.random(2000) < 0.5).astype(int)
    good = np.where(y == 1, 0.52, 0.48)
    tiny = judge(np.full(2000, 0.5), good, y, GateRules(min_gain=0.1))
    assert (tiny.outcome, tiny.more_rows) == ("keep", None)
    assert "not above the smallest gain worth a change, 0.1" in tiny.because
    noisy = judge(np.full(2000, 0.5), np.where(generator.random(2000) < 0.52, good, 1 - good), y, GateRules(min_gain=0))
    assert noisy.outcome == "keep"
    assert "does not exclude 0" in noisy.because
    assert noisy.more_rows > 0


def test_too_few_rows_say_how_many_more_would_decide():
    y = np.array([0, 1] * 100)
    decision = judge(np.full(200, 0.5), np.where(y == 1, 0.9, 0.1), y, RULES)
    assert (decision.outcome, decision.rows, decision.more_rows) == ("not enough data", 200, 300)
    assert decision.gain.value > 0.5  # shown all the same
    assert "200 holdout rows, 500 are needed" in decision.because


def test_no_rows_at_all_is_a_decision_and_not_an_error():
    decision = judge([], [], [], RULES)
    assert (decision.outcome, decision.more_rows, decision.gain) == ("not enough data", 500, None)


def test_a_holdout_of_one_class_decides_nothing():
    decision = judge(np.full(1000, 0.5), np.full(1000, 0.9), np.ones(1000), RULES)
    assert decision.outcome == "not enough data"
    assert "all 1000 labels are 1" in decision.because


def test_rows_needed_is_the_sample_size_of_a_mean_with_80_percent_power():
    gains = np.array([0.12, -0.08] * 1000)  # mean 0.02, sd 0.1: ((1.96 + 0.8416) * 0.1 / 0.02)² = 196.2
    assert rows_needed(gains, GateRules(min_rows=2)) == 197
    assert rows_needed(gains, GateRules(min_rows=500)) == 500
    assert rows_needed(gains / 20, GateRules(min_rows=2, min_gain=0.001)) == 197  # the same ratio, at min_gain itself
    assert rows_needed(np.zeros(10), GateRules(min_gain=0)) == 500


def test_the_interval_of_a_large_holdout_is_the_one_that_resampling_would_give():
    gains = np.random.default_rng(2).gamma(1.0, 0.1, NORMAL_FROM)  # skewed
    normal, resampled = paired_gain(gains, RULES), paired_gain(gains[:-1], RULES)
    half = (normal.high - normal.low) / 2
    assert (resampled.low, resampled.high) == pytest.approx((normal.low, normal.high), abs=0.05 * half)


def test_resampling_in_chunks_changes_nothing(monkeypatch):
    gains = np.random.default_rng(3).normal(size=700)
    whole = paired_gain(gains, RULES)
    monkeypatch.setattr("shotclock.judging.gate._CHUNK", 10_000)
    assert paired_gain(gains, RULES) == whole


def test_two_statistically_identical_models_pass_at_most_5_percent_of_the_time():
    """A short form of benchmarks/gate_simulation.py: labels from a truth that both models miss by equal noise."""
    generator, rules, promoted = np.random.default_rng(11), GateRules(min_gain=0, resamples=200), 0
    for seed in range(300):
        truth = generator.normal(-0.7, 0.4, 800)
        y = (generator.random(800) < 1 / (1 + np.exp(-truth))).astype(int)
        a, b = (1 / (1 + np.exp(-truth - generator.normal(0, 0.3, 800))) for _ in range(2))
        promoted += judge(a, b, y, rules.model_copy(update={"seed": seed})).promoted
    assert 1 <= promoted <= 15


def test_a_challenger_better_by_2_hundredths_on_1600_rows_passes_at_least_80_percent_of_the_time():
    generator, promoted, gains = np.random.default_rng(12), 0, []
    rules = GateRules(resamples=200)
    for seed in range(200):
        truth = generator.normal(-0.7, 0.4, 1600)
        y = (generator.random(1600) < 1 / (1 + np.exp(-truth))).astype(int)
        worse, better = (1 / (1 + np.exp(-truth - generator.normal(0, sd, 1600))) for sd in (0.49, 0.2))
        decision = judge(worse, better, y, rules.model_copy(update={"seed": seed}))
        promoted += decision.promoted
        gains.append(decision.gain.value)
    assert np.mean(gains) == pytest.approx(0.02, abs=0.002)
    assert promoted >= 160


@pytest.mark.parametrize(
    ("champion", "challenger", "y", "said"),
    [
        ([0.5], [0.5, 0.5], [0, 1], "shape"),
        ([0.5, 0.5], [0.5], [0, 1], "shape"),
        ([0.5, 0.5], [0.5, np.nan], [0, 1], "found nan"),
        ([0.5, -1], [0.5, 0.5], [0, 1], "found -1.0"),
        ([0.5, 0.5], [0.5, 0.5], [0, 3], "found 3.0"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(champion, challenger, y, said):
    with pytest.raises(ContractError) as error:
        judge(champion, challenger, y, RULES)
    assert said in str(error.value)


def test_a_decision_is_plain_json():
    y = np.array([0, 1] * 400)
    decision = judge(np.full(800, 0.5), np.where(y == 1, 0.6, 0.4), y, RULES)
    stored = json.loads(json.dumps(asdict(decision)))
    assert stored["outcome"] == "promote"
    assert stored["gain"]["low"] == decision.gain.low


def test_untouched_rows_stand_in_no_training_set():
    mask = untouched([1, 2, 3, 4, 5], [2, 9], [5])
    assert mask.tolist() == [True, False, True, True, False]
    assert untouched([1, 2]).tolist() == [True, True]
    assert untouched([], [1]).tolist() == []


def test_untouched_sees_the_same_number_behind_another_type():
    assert untouched(np.array([1, 2], dtype=np.int32), np.array([2.0, 3.0])).tolist() == [True, False]


def test_ids_of_two_kinds_are_refused_because_they_could_never_meet():
    with pytest.raises(ContractError, match="are numbers, those of training set 1 are string"):
        untouched([1, 2], ["1", "2"])


def test_a_row_without_id_is_refused():
    with pytest.raises(ContractError, match="1 of 2 are missing"):
        untouched([1.0, np.nan], [1.0])


@PROPERTY
@given(st.lists(st.integers(0, 20), unique=True), st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_untouched_is_set_difference(ids, one, other):
    assert [i for i, free in zip(ids, untouched(ids, one, other), strict=True) if free] == [
        i for i in ids if i not in one and i not in other
    ]
