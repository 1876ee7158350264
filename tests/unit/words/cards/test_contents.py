"""What a card says of the search behind its settings."""

import pytest

from shotclock.handoff import Selection
from shotclock.words.cards.contents import _edges

AT_END = "The search ended at the edge of all that it ever tries: max_iter 1600. A better setting may lie beyond."
CUT_SHORT = "The search had settings left to try beyond its space when its steps there ran out"


@pytest.mark.parametrize(
    ("params", "cut_short", "said"),
    [
        ({"max_iter": "200"}, False, []),
        ({"max_iter": "1600"}, False, [AT_END]),
        ({"max_iter": "400"}, True, [CUT_SHORT]),
        ({"max_iter": "1600", "learning_rate": "0.02"}, True, [AT_END, CUT_SHORT]),
    ],
)
def test_a_search_that_may_have_missed_a_better_setting_is_told_with_the_reason(params, cut_short, said):
    winner = "gradient_boosting.recent"
    selection = Selection(
        winner=winner,
        reason="lowest",
        rows="train",
        model="/m",
        training_run_id="t",
        candidates={},
        params=params,
        seed=7,
        cut_short=cut_short,
    )
    found = _edges(selection)
    assert len(found) == len(said)
    assert all(sentence.startswith(beginning) for sentence, beginning in zip(found, said, strict=True))
