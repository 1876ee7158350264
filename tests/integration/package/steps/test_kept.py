"""What a recipe keeps from one retraining to the next: a new block costs one fit, and no search."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from shotclock import config
from shotclock.models import candidates
from shotclock.steps import fits, kept, training
from shotclock.store import queries, records
from shotclock.store.server.artifacts import artifact
from shotclock.store.versions import registry

ALL, RECENT = "logistic_regression.older_and_recent", "logistic_regression.recent"
FIRST_ID = 10_001


class Rounds:
    """The shop, whose orders come 600 at a time and are learnt; and what that costs: fits of each recipe, and searches."""

    def __init__(self, shop, monkeypatch):
        self.shop, self.fits, self.searches = shop, Counter(), 0
        fit, compare = fits.fit, candidates.compare

        def fitted(run, candidate, *rest):
            self.fits[candidate.name] += 1
            return fit(run, candidate, *rest)

        def compared(*given):
            self.searches += 1
            return compare(*given)

        monkeypatch.setattr(fits, "fit", fitted)
        monkeypatch.setattr(training.models, "compare", compared)

    def come(self, number, change=lambda rows: rows):
        """Orders come, are scored, and the recipes judged. Gives each one's track record."""
        rows = self.shop.orders(600, first=FIRST_ID + 600 * (number - 1), day=f"2026-0{number}-01")
        self.shop.put(f"in/{number}.parquet", change(rows))
        self.shop.score()
        return self.retrain()

    def retrain(self):
        self.fits.clear()
        self.shop.retrain()
        newest = queries.newest("shop", records.Candidate, most=10)
        runs = {one.name: one.id for one in newest if one.run_id == newest[0].run_id}
        return {name: pd.read_parquet(artifact(run, kept.TRACK_RECORD)) for name, run in runs.items()}


@pytest.fixture
def rounds(shop, monkeypatch):
    return Rounds(shop, monkeypatch)


def told_by(record):
    """Who scored each block."""
    return record.groupby("shotclock_block")[kept.TOLD_BY].agg(lambda names: "+".join(sorted(set(names)))).tolist()


def test_a_new_block_costs_one_fit_a_recipe_and_no_search(rounds):
    first = rounds.come(1)
    then = registry.require_champion("shop").number
    assert rounds.searches == 1
    second = rounds.come(2)
    assert (rounds.searches, then) == (1, "2")
    for name in (ALL, RECENT):
        (earlier,), (own,) = set(told_by(first[name])), set(told_by(second[name])[-1:])
        blocks = told_by(second[name])
        assert blocks.count(earlier) == len(blocks) - 3 == 3  # 600 rows are three blocks of 200, in each round
        assert blocks[-3:] == [own] * 3
        before = second[name][second[name][kept.TOLD_BY] == earlier]
        pd.testing.assert_frame_equal(before.reset_index(drop=True), first[name])
    assert rounds.fits[RECENT] <= 4 and rounds.fits[ALL] <= 4  # the new blocks, and the refit of what serves


@pytest.mark.parametrize(("share", "searches"), [(0.16, 2), (0.17, 1)])
def test_settings_are_searched_again_once_so_many_of_the_rows_are_new(rounds, monkeypatch, share, searches):
    rounds.shop.use(retraining={"recent_rows": 600})
    rounds.come(1)  # settings are searched on 3,000 rows
    monkeypatch.setattr(kept, "_NEW", share)
    rounds.come(2)  # and 600 more are known before the first block of the second round
    assert rounds.searches == searches


@pytest.mark.parametrize(
    ("sections", "searches"),
    [
        ({"training": {"iterations": 2}}, 2),
        ({"training": {"seed": 7}}, 2),
        ({"training": {"folds": 3}}, 2),
        ({"retraining": {"recent_rows": 900}}, 1),
        ({"gate": {"min_gain": 0.01}}, 1),
    ],
    ids=["iterations", "seed", "folds", "recent_rows", "gate"],
)
def test_what_was_found_by_other_rules_is_not_kept(rounds, sections, searches):
    first = rounds.come(1)
    rounds.shop.use(**sections)
    second = rounds.come(2)
    assert rounds.searches == searches
    is_kept = "gate" in sections
    assert (told_by(first[ALL])[0] in told_by(second[ALL])) is is_kept


def test_a_corrected_label_is_judged_by_what_was_said_before(rounds):
    first = rounds.come(1)[ALL].set_index("order_id")
    other = first.index[0]
    told = pa.table({"order_id": [other], "bought": [1 - int(first.loc[other, "bought"])]})
    rounds.shop.put("labels/corrected.parquet", told)
    second = rounds.come(2)[ALL].set_index("order_id")
    assert second.loc[other, "bought"] == told["bought"][0].as_py()
    assert second.loc[other, "probability"] == first.loc[other, "probability"]


def test_rows_that_are_corrected_are_said_anew_with_their_block(rounds):
    first = rounds.come(1)[ALL]
    rows = rounds.shop.orders(600, first=FIRST_ID, day="2026-01-01")
    age = rows.column_names.index("age")
    rounds.shop.put("in/1.parquet", rows.set_column(age, "age", pc.add(rows["age"], 1)))
    second = rounds.come(2)[ALL]
    own = told_by(second)[-1]
    assert told_by(first)[0] != own and set(told_by(second)) == {own}


def test_a_record_whose_file_is_gone_is_made_anew_and_the_log_says_so(rounds, caplog):
    rounds.come(1)
    for run in queries.newest("shop", records.Candidate, most=10):
        if run.record.recipe:
            artifact(run.id, kept.TRACK_RECORD).unlink()
    second = rounds.come(2)
    assert len(set(told_by(second[ALL]))) == 1 and rounds.searches == 1
    assert "track_record.parquet of logistic_regression.recent is made anew" in caplog.text


def test_a_row_is_known_by_its_id_and_features_whatever_its_place_or_label(shop):
    columns = config.project("shop").columns
    rows = shop.orders(50).to_pandas()
    found = kept.digests(columns, rows)
    assert len(set(found)) == 50 and found.dtype == np.uint64
    np.testing.assert_array_equal(kept.digests(columns, rows[::-1].assign(bought=1)), found[::-1])
    for name in ("order_id", "amount", "age", "member"):
        assert not (kept.digests(columns, rows.assign(**{name: rows[name] + 1})) == found).any()
