"""The gate: promotes what is proven better, and nothing else."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import GateRules
from shotclock.errors import ContractError
from shotclock.judging.gate import UNSEEN, WORST, Gains, judge, resampled_means, untouched
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
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.0213, 0.0161, 0.0268), abs=5e-4)
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
    assert (noisy.more_rows, noisy.power > 0.8) == (None, True)  # so many rows would have proven a gain worth having


def test_too_few_rows_say_what_they_could_prove_and_how_many_would():
    y = np.array([0, 1] * 100)
    decision = judge(np.full(200, 0.5), np.where(y == 1, 0.9, 0.1), y, RULES)
    assert (decision.outcome, decision.rows, decision.more_rows) == ("not enough data", 200, 968)
    assert decision.gain.value > 0.5  # shown all the same
    assert "200 rows to judge by, 500 are needed" in decision.because
    assert "prove a true gain of 0.01 with a probability of 0%, 1,168 would with 80%" in decision.because


@pytest.mark.parametrize("shift", [-0.02, 0.0, 0.02])
def test_what_is_said_of_more_rows_does_not_hang_on_the_gain_that_happened_to_be_seen(shift):
    noise = np.random.default_rng(4).normal(0, 0.3, 1000)
    found = Gains(noise - noise.mean() + shift, RULES)
    assert found.rows_needed == pytest.approx(7064, rel=0.15)  # ((1.96 + 0.8416) * 0.3 / 0.01)²
    assert found.power == pytest.approx(0.16, abs=0.05)


@pytest.mark.parametrize("declared", [0.005, 0.02, 0.05])
def test_the_rows_that_are_asked_for_prove_the_declared_gain_four_times_in_five(declared):
    rules, generator = GateRules(smallest_gain=declared, min_rows=2, resamples=500), np.random.default_rng(5)
    rows = Gains(generator.normal(0, 0.5, 1000), rules).rows_needed
    assert Gains(generator.normal(0, 0.5, rows), rules).power == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize("spread", [0.15, 0.4])
def test_the_power_of_the_gate_is_how_often_it_proves_such_a_gain(spread):
    rules, generator = GateRules(resamples=200, smallest_gain=0.02), np.random.default_rng(7)
    found = [Gains(generator.normal(0.02, spread, 1200), rules) for _ in range(100)]
    proven = np.mean([each.mean.low > 0 and each.unseen_risk <= 0.05 for each in found])
    assert proven == pytest.approx(np.mean([each.power for each in found]), abs=0.13)


def test_no_rows_at_all_is_a_decision_and_not_an_error():
    decision = judge([], [], [], RULES)
    assert (decision.outcome, decision.more_rows, decision.gain) == ("not enough data", 500, None)


def test_a_holdout_of_one_class_decides_nothing():
    decision = judge(np.full(1000, 0.5), np.full(1000, 0.9), np.ones(1000), RULES)
    assert decision.outcome == "not enough data"
    assert "all 1,000 labels are 1" in decision.because


def alike(generator, rows, correlation, spread=0.15):
    """Gains of two equal recipes, where each row resembles the one before it."""
    fresh = generator.normal(0, spread, rows + 100)
    return lfilter([(1 - correlation**2) ** 0.5], [1, -correlation], fresh)[100:]


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("rows", [500, 3000])
def test_of_equal_recipes_at_most_5_percent_have_an_interval_above_0_also_where_neighbours_are_alike(rows, correlation):
    generator, rules, above = np.random.default_rng(8), GateRules(min_gain=0, resamples=200), 0
    for seed in range(100):
        found = Gains(alike(generator, rows, correlation), rules.model_copy(update={"seed": seed}))
        above += found.mean.low > 0
    assert above <= 9  # 5 % of 100, and two standard errors of that


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.6])
def test_the_error_of_the_mean_knows_how_alike_neighbours_are(correlation):
    generator, rows = np.random.default_rng(9), 4000
    found = np.mean([Gains(alike(generator, rows, correlation), RULES).error for _ in range(10)])
    true = 0.15 * ((1 + correlation) / (1 - correlation) / rows) ** 0.5
    assert found == pytest.approx(true, rel=0.1)


@pytest.mark.parametrize("rows", [500, 1000, 3000])
@pytest.mark.parametrize("side", ["challenger", "champion"])
def test_losses_in_one_row_of_a_thousand_do_not_promote_who_is_no_better_without_them(rows, side):
    """Each other row gains so much that the whole gains nothing: without a rare row in the window it looks proven."""
    generator, rules, promoted = np.random.default_rng(10), GateRules(resamples=200, min_gain=0), 0
    for seed in range(60):
        rare = generator.random(rows) < 0.001
        y = (generator.random(rows) < 0.5).astype(int)
        plain, gifted = np.full(rows, 0.5), np.where(y == 1, 0.5 * np.exp(0.008), 1 - 0.5 * np.exp(0.008))
        hit = np.where(rare, np.where(y == 1, 0.5 * np.exp(-8), 1 - 0.5 * np.exp(-8)), gifted)
        old, new = (plain, hit) if side == "challenger" else (hit, plain)
        promoted += judge(old, new, y, rules.model_copy(update={"seed": seed})).promoted
    assert promoted <= 6  # 5 % of 60, and two standard errors of that


def test_no_row_counts_for_more_than_the_worst_loss():
    y = np.array([0, 1] * 500)
    sure = np.where(np.arange(1000) == 7, 1 - y, y).astype(float)  # it says 0 or 1, and is wrong once
    decision = judge(np.full(1000, 0.5), sure, y, RULES)
    assert decision.gain.value == pytest.approx((999 * np.log(2) - WORST) / 1000)
    assert decision.challenger_log_loss == pytest.approx(losses(y, sure).mean())  # shown as it is


def test_the_risk_of_rare_losses_is_the_rule_of_three_where_nothing_varies():
    for rows in (500, 2000, 10_000):
        edge = -np.log(0.05) * UNSEEN / rows
        above, below = (Gains(np.full(rows, share * edge), RULES).unseen_risk for share in (1.1, 0.9))
        assert above < 0.05 < below


def test_a_gain_that_rare_losses_could_take_away_is_kept_out_and_says_so():
    y = np.array([0, 1] * 500)
    decision = judge(np.full(1000, 0.5), np.where(y == 1, 0.505, 0.495), y, RULES)
    assert decision.gain.low > 0.009
    assert decision.outcome == "keep"
    assert "a loss of 4 nats in so few rows that none is among these could take it away" in decision.because


def test_resampling_in_chunks_changes_only_the_draws(monkeypatch):
    gains = np.random.default_rng(3).normal(size=700)
    whole = resampled_means(gains, 2000, 1)
    monkeypatch.setattr("shotclock.judging.gate._CHUNK", 10_000)
    parts = resampled_means(gains, 2000, 1)
    assert len(parts) == len(whole) == 2000
    assert (parts.mean(), parts.std()) == pytest.approx((whole.mean(), whole.std()), abs=0.003)


@PROPERTY
@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_resampled_mean_lies_within_the_values_and_is_theirs_where_they_are_all_the_same(rows, seed):
    values = np.random.default_rng(seed).normal(size=rows)
    means = resampled_means(values, 100, seed)
    assert values.min() - 1e-9 <= means.min() and means.max() <= values.max() + 1e-9
    assert resampled_means(np.full(rows, 0.3), 100, seed) == pytest.approx(0.3)


def test_two_statistically_identical_models_pass_at_most_5_percent_of_the_time():
    """A short form of benchmarks/gate_simulation.py: labels from a truth that both models miss by equal noise."""
    generator, rules, promoted = np.random.default_rng(11), GateRules(min_gain=0, resamples=100), 0
    for seed in range(150):
        truth = generator.normal(-0.7, 0.4, 800)
        y = (generator.random(800) < 1 / (1 + np.exp(-truth))).astype(int)
        a, b = (1 / (1 + np.exp(-truth - generator.normal(0, 0.3, 800))) for _ in range(2))
        promoted += judge(a, b, y, rules.model_copy(update={"seed": seed})).promoted
    assert promoted <= 12  # 5 % of 150, and two standard errors of that


def test_a_challenger_better_by_2_hundredths_on_1600_rows_passes_at_least_80_percent_of_the_time():
    generator, promoted, gains = np.random.default_rng(12), 0, []
    rules = GateRules(resamples=100)
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
