"""Policies on pasts whose right answer is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, pairwise

import numpy as np
import pytest

from shotclock.config import DegradationRules, GateRules, RetrainingRules
from shotclock.judging.performance import measure
from shotclock.judging.policies import Made, Past, Policy, compare, cost_aware, in_hindsight, policies, staleness, walk

ROWS, BLOCKS, CHANGE = 600, 10, 3
GATE = GateRules(min_rows=200, resamples=100)
DEGRADATION = DegradationRules(min_rows=300, resamples=100)
RULES = RetrainingRules(every_new_records=1200, schedule="0 0 1 * *", recent_rows=1200, min_new_labels=600)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def told(chosen, gate=GATE):
    return {name: walk(PAST, policy, gate) for name, policy in chosen.items()}


def changing(change=CHANGE, seed=0):
    """A month a block. From block `change` on the outcome turns round: of two recipes the second learns that from one block."""
    generator, cuts = np.random.default_rng(seed), tuple(range(0, ROWS * BLOCKS + 1, ROWS))
    x = generator.random(ROWS * BLOCKS)
    turned = np.arange(len(x)) >= cuts[change]
    before, after = 0.2 + 0.6 * x, 0.8 - 0.6 * x
    labels = (generator.random(len(x)) < np.where(turned, after, before)).astype(float)
    learns = np.array([after if block > change else before for block in range(BLOCKS)])
    return Past(
        begin=BEGIN,
        ends=tuple(BEGIN + timedelta(days=31 * (block + 1)) for block in range(BLOCKS)),
        cuts=cuts,
        labels=labels,
        first=before,
        probability=np.array([np.tile(before, (BLOCKS, 1)), learns]),
        serves=0,
        drifted=np.array([[b >= change and made < change + 3 for b in range(BLOCKS)] for made in range(BLOCKS)]),
        reference=measure(labels[:ROWS], before[:ROWS], resamples=100),
        recent_rows=1200,
    )


PAST = changing()
ALL = policies(DEGRADATION, RULES)


FIRST = Made(0, 0)


def test_never_costs_the_first_model_on_every_row_and_trains_nothing():
    assert told(ALL)["never"] == (pytest.approx(PAST.loss(FIRST).sum()), 0, 0)


def test_asking_before_each_block_lets_the_recipe_take_over_that_has_learnt_the_change_once_its_record_proves_it():
    lost, trainings, promotions = told(ALL)["each block"]
    assert (trainings, promotions) == (BLOCKS - 1, 1)
    taken_over = CHANGE + 3  # it has learnt from block 3, was chosen by block 4 and judged by block 5
    rows = PAST.rows(0, taken_over), PAST.rows(taken_over, BLOCKS)
    expected = PAST.loss(FIRST)[rows[0]].sum() + PAST.loss(Made(1, taken_over))[rows[1]].sum()
    assert lost == pytest.approx(expected)


def test_a_recipe_is_judged_by_what_its_models_said_before_they_had_learnt_from_a_block():
    rows = slice(PAST.cuts[CHANGE], PAST.cuts[CHANGE + 1])
    assert (PAST.record[1, rows] == PAST.first[rows]).all()  # it had not seen the change yet
    assert (PAST.gives(Made(1, BLOCKS - 1))[rows] == PAST.first[rows]).all()
    assert not (PAST.record[1, PAST.cuts[CHANGE + 1] :] == PAST.first[PAST.cuts[CHANGE + 1] :]).any()


@pytest.mark.parametrize("name", ["drift only", "degradation only", "the project's own rules"])
def test_who_waits_for_a_sign_asks_after_the_change_and_not_before(name):
    lost, trainings, promotions = told(ALL)[name]
    assert (trainings < BLOCKS - 1 or name.startswith("the")) and promotions == 1
    assert lost == pytest.approx(told(ALL)["each block"][0])


@pytest.mark.parametrize(
    ("name", "trainings"), [("weekly", 9), ("monthly", 9), ("quarterly", 3), ("every 1,200 rows", 4)]
)
def test_calendar_and_counts_ask_as_often_as_time_and_rows_say(name, trainings):
    assert told(ALL)[name][1] == trainings


def test_on_a_quiet_past_nobody_who_waits_for_a_sign_asks():
    quiet = changing(change=BLOCKS)
    found = {name: walk(quiet, ALL[name], GATE) for name in ("never", "drift only", "degradation only")}
    assert {walked[1:] for walked in found.values()} == {(0, 0)}


def test_nothing_that_comes_later_changes_what_was_asked_before():
    asked = []
    later = changing(seed=1)
    labels = np.concatenate([PAST.labels[: PAST.cuts[6]], later.labels[PAST.cuts[6] :]])
    for past in (PAST, replace(PAST, labels=labels)):
        seen = []
        rule = ALL["the project's own rules"].asks
        walk(past, Policy(lambda at, rule=rule, seen=seen: seen.append((at.block, rule(at))) or seen[-1][1], ""), GATE)
        asked.append([(block, answer) for block, answer in seen if block <= 6])
    assert asked[0] == asked[1]


@pytest.mark.parametrize("training", [0.0, 30.0, 300.0, 1e6])
def test_the_best_in_hindsight_is_the_best_of_all_choices_of_moments(training):
    def served(begin, end):
        recipes = (0, 1) if begin else (0,)
        return min(PAST.loss(Made(recipe, begin))[PAST.rows(begin, end)].sum() for recipe in recipes)

    def cost(moments):
        ends = (0, *moments, BLOCKS)
        return sum(stretches[pair] for pair in pairwise(ends)) + training * len(moments)

    stretches = {pair: served(*pair) for pair in combinations(range(BLOCKS + 1), 2)}
    every = [moments for size in range(BLOCKS) for moments in combinations(range(1, BLOCKS), size)]
    least, moments = in_hindsight(PAST, training)
    assert least + training * len(moments) == pytest.approx(min(map(cost, every)))


def test_a_training_that_costs_more_than_staleness_does_is_not_asked_for():
    asked = [walk(PAST, cost_aware(training), GATE)[1] for training in (10.0, 200.0, 1e6)]
    assert asked[0] >= asked[1] > asked[2] == 0


@pytest.mark.parametrize("training", [0.0, 200.0])
def test_a_table_begins_with_the_best_in_hindsight_and_goes_on_from_cheap_to_dear(training):
    found, rows = compare(PAST, ALL, GATE, training), len(PAST.labels)
    assert found[0].name == "best in hindsight"
    costs = [one.log_loss + training * one.trainings / rows for one in found]
    assert costs[1:] == sorted(costs[1:])
    assert [one.regret for one in found] == pytest.approx([cost - costs[0] for cost in costs], abs=1e-9)
    assert all(one.regret >= 0 for one in found)
    assert {one.name for one in found[1:]} == ALL.keys()


def test_where_rows_are_too_few_for_a_verdict_the_recipe_in_service_is_refitted_all_the_same():
    lost, trainings, promotions = walk(PAST, ALL["each block"], GateRules(min_rows=ROWS * BLOCKS, resamples=100))
    refitted = [PAST.loss(Made(PAST.serves, block))[PAST.rows(block, block + 1)].sum() for block in range(BLOCKS)]
    assert (trainings, promotions) == (BLOCKS - 1, 0)
    assert lost == pytest.approx(sum(refitted))


def test_staleness_is_what_a_model_of_an_age_loses_above_a_fresh_one_of_its_recipe_on_the_same_rows():
    found = {one.blocks: one for one in staleness(PAST)}
    assert found[0].excess == 0 and found[0].rows == ROWS * (BLOCKS - 1)
    oldest, last = found[BLOCKS - 2], PAST.rows(BLOCKS - 1, BLOCKS)
    assert oldest.rows == ROWS
    excess = (PAST.loss(Made(1, 1)) - PAST.loss(Made(1, BLOCKS - 1)))[
        last
    ].mean() / 2  # the other recipe learns nothing
    assert oldest.excess == pytest.approx(excess)
    assert oldest.excess > 0.05


def test_where_nothing_changes_age_costs_nothing():
    assert {one.excess for one in staleness(changing(change=BLOCKS - 1))} == {0.0}
