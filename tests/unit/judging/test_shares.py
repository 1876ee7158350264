"""Weights by what came true, block after block."""

import numpy as np
import pytest

from shotclock.judging.shares import ALPHA, fixed_share


def test_weights_begin_equal_and_each_row_of_them_sums_to_1():
    weights = fixed_share(np.random.default_rng(1).uniform(0, 700, (9, 4)))
    assert weights.shape == (10, 4)
    np.testing.assert_array_equal(weights[0], np.full(4, 0.25))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    assert weights.min() >= ALPHA / 4 - 1e-12


def test_after_one_block_they_are_bayes_rule_with_a_share_dealt_out():
    given = np.exp([-1.0, -3.0])
    expected = 0.98 * given / given.sum() + 0.01
    np.testing.assert_allclose(fixed_share([[1.0, 3.0]])[1], expected, rtol=1e-12)


def test_who_was_worst_for_long_leads_as_soon_as_the_others_fail():
    losses = [[100.0, 300.0]] * 20 + [[300.0, 100.0]]
    weights = fixed_share(losses)
    assert weights[20].argmax() == 0 and weights[21].argmax() == 1
    assert fixed_share(losses, alpha=1e-300)[21].argmax() == 0, (
        "without a share it would take as long as it had been bad"
    )


def test_the_weights_before_a_block_do_not_know_it():
    losses = np.random.default_rng(2).uniform(0, 9, (5, 3))
    changed = losses.copy()
    changed[3:] = 0
    np.testing.assert_array_equal(fixed_share(losses)[:4], fixed_share(changed)[:4])


@pytest.mark.parametrize("alpha", [0.02, 0.2])
def test_the_mixture_is_not_much_worse_than_the_best_sequence_of_experts(alpha):
    """Herbster and Warmuth 1998, theorem 1 for log loss: so much for each change of the best expert, and a trifle a block."""
    random, blocks, experts = np.random.default_rng(3), 60, 4
    losses = random.uniform(0, 3, (blocks, experts))
    best = np.repeat([0, 2, 1], 20)
    losses[np.arange(blocks), best] /= 4
    weights = fixed_share(losses, alpha)[:-1]
    mixture = -np.log((weights * np.exp(-losses)).sum(axis=1)).sum()
    switches = 2
    stays = (1 - alpha) + alpha / experts
    price = np.log(experts) - switches * np.log(alpha / experts) - (blocks - 1 - switches) * np.log(stays)
    assert mixture <= losses[np.arange(blocks), best].sum() + price
