"""Choosing the winner."""

from itertools import permutations

import pytest

from shotclock.errors import ConfigError, ContractError
from shotclock.models.candidates import select


def test_the_lowest_log_loss_wins():
    chosen = select({"logistic_regression": 0.6779, "decision_tree": 0.6740, "gradient_boosting": 0.6751})
    assert chosen.winner == "decision_tree"
    assert chosen.ranking == ("decision_tree", "gradient_boosting", "logistic_regression")
    assert chosen.reason == (
        "decision_tree has the lowest log loss, 0.6740, which is 0.0011 below gradient_boosting (0.6751)"
    )


def test_the_order_of_the_candidates_does_not_matter():
    losses = {"b": 0.5, "a": 0.5, "c": 0.4, "d": 0.6}
    outcomes = {select({name: losses[name] for name in order}).ranking for order in permutations(losses)}
    assert outcomes == {("c", "a", "b", "d")}


def test_between_equals_the_first_by_name_wins_and_the_reason_says_so():
    chosen = select({"logistic_regression": 0.6779, "decision_tree": 0.6779})
    assert chosen.winner == "decision_tree"
    assert chosen.reason == (
        "decision_tree has the lowest log loss, 0.6779, and so has logistic_regression: between equals the first by "
        "name wins"
    )


def test_a_difference_that_rounding_hides_is_still_told():
    reason = select({"a": 0.67400001, "b": 0.674}).reason
    assert reason == "b has the lowest log loss, 0.6740, which is 1e-08 below a (0.6740)"


def test_a_candidate_alone_wins():
    chosen = select({"decision_tree": 0.674})
    assert (chosen.winner, chosen.ranking) == ("decision_tree", ("decision_tree",))
    assert chosen.reason == "decision_tree is the only candidate, with a log loss of 0.6740"


def test_no_candidate_is_refused():
    with pytest.raises(ConfigError, match=r"training\.candidates: found no trained candidate"):
        select({})


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_log_loss_that_is_not_finite_is_refused(bad):
    with pytest.raises(ContractError, match=r"candidate 'b': log loss -?(nan|inf), expected a finite number"):
        select({"a": 0.7, "b": bad})
