"""What a recipe keeps from one retraining to the next: a new block costs one fit, and no search."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from shotclock import config
from shotclock.handoff import Compared
from shotclock.models import candidates
from shotclock.models.searched import Search, Tried, Tuned
from shotclock.steps import retraining, training
from shotclock.steps.recipes import fits, kept, record
from shotclock.store import queries, records, tracking
from shotclock.store.history import TRACK_RECORD
from shotclock.store.run import Run
from shotclock.store.server.artifacts import artifact
from shotclock.store.versions import registry

HELD = Tuned(Search("scikit-learn", (Tried({"C": 1.0}, (0.6, 0.5)),), 0, []), 3_000, "00000000000000ff", "r1")
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
        return {name: pd.read_parquet(artifact(run, TRACK_RECORD)) for name, run in runs.items()}


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


def test_a_corrected_row_is_said_anew_with_its_block_and_a_corrected_label_is_judged_by_what_was_said(rounds):
    first = rounds.come(1)[ALL].set_index("order_id")
    labelled, corrected = first.index[0], first.index[-1]
    told = pa.table({"order_id": [labelled], "bought": [1 - int(first.loc[labelled, "bought"])]})
    rounds.shop.put("labels/corrected.parquet", told)
    rows = rounds.shop.orders(600, first=FIRST_ID, day="2026-01-01").to_pandas()
    rows.loc[rows["order_id"] == corrected, "age"] += 1
    rounds.shop.put("in/1.parquet", pa.Table.from_pandas(rows, preserve_index=False))
    record = rounds.come(2)[ALL]
    second, (earlier, *_, own) = record.set_index("order_id"), told_by(record)
    assert earlier != own
    assert second.loc[labelled, "bought"] == told["bought"][0].as_py()
    assert second.loc[labelled, "probability"] == first.loc[labelled, "probability"]
    its = second[second["shotclock_block"] == second.loc[corrected, "shotclock_block"]]
    assert set(its[kept.TOLD_BY]) == {own} and len(its) == 200


def test_recent_rows_before_a_block_reach_back_as_far_as_those_that_the_version_in_service_has_learnt_from(rounds):
    rounds.shop.use(retraining={"recent_rows": 600})
    rounds.come(1)
    rounds.come(2)
    rounds.shop.put("in/3.parquet", rounds.shop.orders(600, first=FIRST_ID + 1200, day="2026-03-01"))
    rounds.shop.score()
    run = Run("shop", "retraining", "third")
    data = retraining.split_recent(run, retraining.collect(run, retraining.decide(run)))
    file = len(pd.read_parquet(registry.version("shop", "1").origin.rows_path))
    assert (data.blocks.file, data.blocks.older) == (file, file + 1200)
    known = record.known(config.project("shop"), pd.read_parquet(data.all), data, "train", data.blocks.first)
    assert known["order_id"].tolist() == list(range(FIRST_ID + 600, FIRST_ID + 1200))


@pytest.fixture
def later(rounds):
    """A retraining that has begun, after one that has searched settings on 3,000 rows."""
    rounds.come(1)
    run = Run("shop", "retraining", "later")
    tracking.open_run(run, "training", records.Training)
    return run


def test_settings_are_searched_again_once_half_of_the_rows_to_search_on_are_new(rounds, later):
    def again(*parts):
        return kept.tuned(later, "logistic_regression", 42, pa.concat_tables(parts).to_pandas())

    known = pa.Table.from_pandas(
        pd.read_parquet(rounds.shop.home / "data" / "shop" / "champion" / "base_train.parquet")
    )
    known = known.slice(0, 3_000)
    new = rounds.shop.orders(3_000, first=50_001).select(known.column_names).cast(known.schema)
    assert again(known).rows == again(known, new.slice(0, 2_999)).rows == again(known.slice(2_000)).rows == 3_000
    assert again(known, new) is again(known.slice(1_500), new.slice(0, 1_500)) is None
    assert again(known.slice(0, 2_999)) is None  # the newest one is gone, so nobody knows how many are new


def test_a_record_whose_file_is_gone_is_made_anew_and_the_log_says_so(later, caplog):
    (made,) = (
        one for one in queries.newest("shop", records.Candidate, most=10) if one.name == ALL and one.record.recipe
    )
    found = TypeAdapter(Tuned).validate_json(artifact(made.id, kept.SETTINGS).read_bytes())
    candidate = Compared(name=ALL, algorithm="logistic_regression", rows="all", seed=made.record.seed, tuned=found)
    assert len(kept.told(later, candidate)) == 600
    artifact(made.id, TRACK_RECORD).unlink()
    assert kept.told(later, candidate).empty
    assert f"track_record.parquet of {ALL} is made anew" in caplog.text


@pytest.mark.parametrize(
    ("sections", "searches", "records_anew"),
    [
        ({"training": {"iterations": 2}}, True, True),
        ({"training": {"folds": 3}}, True, True),
        ({"training": {"backend": "pycaret"}}, True, True),
        ({"columns": {"id": "other"}}, True, True),
        ({"retraining": {"recent_rows": 900}}, False, True),
        ({"gate": {"min_rows": 300}}, False, True),
        ({"gate": {"min_gain": 0.01}}, False, False),
        ({"degradation": {"min_rows": 300}}, False, False),
    ],
    ids=lambda value: str(next(iter(value.values()))) if isinstance(value, dict) else "",
)
def test_what_was_found_by_other_rules_is_not_kept(shop, sections, searches, records_anew):
    run = Run("shop", "retraining", "r")
    item = Compared(name=ALL, algorithm="logistic_regression", rows="all", seed=42, tuned=HELD)
    before = kept.tuning(run, item.algorithm, 42), kept.recipe(run, item)
    shop.use(**sections)
    after = kept.tuning(run, item.algorithm, 42), kept.recipe(run, item)
    assert [one != other for one, other in zip(before, after, strict=True)] == [searches, records_anew]


@pytest.mark.parametrize(
    "other", [{"seed": 7}, {"rows": "train"}, {"algorithm": "decision_tree"}, {"tuned": None}], ids=str
)
def test_another_recipe_has_another_record(shop, other):
    run = Run("shop", "retraining", "r")
    item = Compared(name=ALL, algorithm="logistic_regression", rows="all", seed=42, tuned=HELD)
    assert kept.recipe(run, item) != kept.recipe(run, replace(item, **other))


def test_a_row_is_known_by_its_id_and_features_whatever_its_place_or_label(shop):
    columns = config.project("shop").columns
    rows = shop.orders(50).to_pandas()
    found = kept.digests(columns, rows)
    assert len(set(found)) == 50 and found.dtype == np.uint64
    np.testing.assert_array_equal(kept.digests(columns, rows[::-1].assign(bought=1)), found[::-1])
    for name in ("order_id", "amount", "age", "member"):
        assert not (kept.digests(columns, rows.assign(**{name: rows[name] + 1})) == found).any()
