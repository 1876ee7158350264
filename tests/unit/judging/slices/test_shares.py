"""Weights by what came true, block after block."""

import numpy as np
import pytest

from shotclock.judging.performance import losses
from shotclock.judging.slices.shares import ALPHA, RATES, fixed_share, mixed, mixture


def test_weights_begin_equal_and_each_row_of_them_sums_to_1():
    weights = fixed_share(np.random.default_rng(1).uniform(0, 700, (9, 4)))
    assert weights.shape == (10, 4)
    np.testing.assert_array_equal(weights[0], np.full(4, 0.25))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    assert weights.min() >= ALPHA / 4 - 1e-12


def test_after_one_block_they_are_bayes_rule_with_a_share_dealt_out():
    given = np.exp([-1.0, -3.0])
    expected = (1 - ALPHA) * given / given.sum() + ALPHA / 2
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


def spoken(blocks=30, rows=400, seed=5):
    """Three experts, of whom the second is right in the first half and the third in the second; labels, and blocks."""
    random = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), rows)
    truth = random.uniform(0.05, 0.95, len(block))
    labels = (random.random(len(block)) < truth).astype(float)
    other = np.clip(truth + 0.3 * np.sin(9 * truth), 0.02, 0.98)
    early = block < blocks / 2
    given = np.array([np.full(len(block), labels.mean()), np.where(early, truth, other), np.where(early, other, truth)])
    return given, labels, block


def test_the_mixture_follows_whoever_is_right():
    given, labels, block = spoken()
    weights = mixed(given, labels, block)
    assert weights.shape == (31, 3)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    assert (weights[10].argmax(), weights[-1].argmax()) == (1, 2)
    lost = losses(labels, mixture(weights, given, block)).mean()
    assert lost < min(losses(labels, one).mean() for one in given) - 0.02


def test_the_weights_are_those_of_the_rate_that_has_done_best_until_then():
    given, labels, block = spoken()
    by_block = np.array([np.bincount(block, losses(labels, one)) for one in given]).T
    courses = [fixed_share(by_block, rate=rate) for rate in RATES]
    totals = [np.bincount(block, losses(labels, mixture(course, given, block))).cumsum() for course in courses]
    found = mixed(given, labels, block)
    np.testing.assert_array_equal(found[0], courses[0][0])
    for number in range(1, 31):
        best = min(range(len(RATES)), key=lambda rate: totals[rate][number - 1])
        np.testing.assert_array_equal(found[number], courses[best][number])


def test_where_the_best_changes_with_each_block_it_stays_with_the_mean_of_all():
    """What is nearly all weight on the best of the last block is wrong each time then."""
    random = np.random.default_rng(8)
    block = np.repeat(np.arange(40), 300)
    truth = random.uniform(0.1, 0.9, len(block))
    labels = (random.random(len(block)) < truth).astype(float)
    off = np.where(block % 2 == 0, 0.25, -0.25)
    given = np.clip(np.array([truth + off, truth - off]), 0.02, 0.98)
    given[0, off > 0], given[1, off < 0] = truth[off > 0], truth[off < 0]
    weights = mixed(given, labels, block)
    fast = fixed_share(np.array([np.bincount(block, losses(labels, one)) for one in given]).T)
    lost, followed = (losses(labels, mixture(course, given, block)).mean() for course in (weights, fast))
    assert lost < min(losses(labels, one).mean() for one in given) and lost < followed - 0.02
