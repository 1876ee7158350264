"""How many rows are decided otherwise by who takes over."""

import numpy as np
import pytest

from shotclock.config import GateRules
from shotclock.judging.figure import Figure
from shotclock.judging.gate.churn import Churn, churn

RULES = GateRules(resamples=400)


def drawn(rows, seed=7):
    return np.random.default_rng(seed).random(rows)


def test_it_counts_the_rows_on_the_other_side_of_one_half_and_how_far_all_move():
    found = churn([0.2, 0.49, 0.5, 0.9], [0.3, 0.5, 0.49, 0.7], RULES)
    assert (found.rows, found.flipped.value, found.moved.value) == (4, 0.5, pytest.approx(0.08))
    assert 0 <= found.flipped.low <= 0.5 <= found.flipped.high <= 1


def test_the_same_version_changes_nothing():
    same = drawn(900)
    found = churn(same, same, RULES)
    assert [found.flipped.interval(), found.moved.interval()] == ["[0.0000, 0.0000]"] * 2


def test_without_rows_there_is_nothing_to_say():
    assert churn([], [], RULES) is None


def test_it_is_read_back_from_what_is_kept():
    found = churn(drawn(900, 1), drawn(900, 2), RULES)
    assert Churn.among(found.flat()) == found
    assert Churn.among({}) is None


def test_it_is_the_same_both_ways():
    old, new = drawn(900, 1), drawn(900, 2)
    assert churn(old, new, RULES) == churn(new, old, RULES)


def test_its_interval_holds_the_true_share_about_as_often_as_it_says():
    truth, held = 0.2, 0
    for seed in range(200):
        old = np.full(600, 0.4)
        new = np.where(drawn(600, seed) < truth, 0.6, 0.4)
        figure = churn(old, new, RULES).flipped
        held += figure.low <= truth <= figure.high
    assert 180 <= held <= 199


@pytest.mark.parametrize(
    ("flipped", "moved", "most", "held"),
    [
        (0.25, 0.05, None, False),
        (0.25, 0.05, 0.25, False),
        (0.25, 0.05, 0.2, True),
        (0.0, 0.08, 0.08, False),
        (0.0, 0.08, 0.05, True),
        (0.0, 0.0, 0.0, False),
    ],
)
def test_more_than_the_project_allows_waits_for_a_person(flipped, moved, most, held):
    found = Churn(1623, Figure(flipped, flipped, flipped), Figure(moved, moved, moved))
    said = found.held(RULES.model_copy(update={"max_churn": most}))
    assert bool(said) == held
    assert not held or (f"of 1,623 rows {flipped:.1%}" in said and f"more than gate.max_churn, {most:g}," in said)
