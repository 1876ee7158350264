"""What people read about the comparison of policies."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.words.comparisons import SIGNS, by_regret, spread, summary

NEVER = Replayed("never", 0.65, 0.02, 0, 0, "gate: {mode: dry_run}", "never")
OWN = Replayed("the project's own rules", 0.63, 0.005, 4, 1, "(as the project file stands)", "own")
FOUND = Comparison("shots", 900, 3, "season", "2026-01-01", "2026-03-31", (OWN, NEVER), (Aged(0, 300, 0.0),))


@given(some.lists(some.floats(0, 1), min_size=1, max_size=12).map(sorted))
def test_labels_keep_their_distance_and_their_order_and_move_no_further_than_they_must(wanted):
    found = spread(wanted, 0.08)
    assert all(after - before >= 0.08 - 1e-9 for before, after in pairwise(found))
    assert found[0] >= -1e-9 and found[-1] <= 1
    if all(after - before >= 0.08 for before, after in pairwise(wanted)):
        assert found == wanted


def test_of_two_policies_that_cost_the_same_the_one_that_trains_less_comes_first():
    often = replace(NEVER, name="weekly", trainings=19)
    assert by_regret(replace(FOUND, replayed=(often, NEVER, OWN))) == [OWN, NEVER, often]


def test_the_summary_holds_the_table_and_the_lines_of_those_that_the_project_file_can_choose():
    told = summary(FOUND)
    assert "| never | 0.6500 | 0.0200 | 0 | 0 |" in told
    assert "money" not in told
    assert told.endswith("```yaml\n# never\ngate: {mode: dry_run}\n```")
    priced = summary(replace(FOUND, replayed=(replace(NEVER, money=1170.0),)))
    assert "| never | 0.6500 | 0.0200 | 0 | 0 | 1,170.00 |" in priced


def test_no_two_kinds_share_a_shape_or_a_colour():
    for each in ("shape", "letter", "colour"):
        assert len({getattr(sign, each) for sign in SIGNS.values()}) == len(SIGNS)
