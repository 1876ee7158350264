"""The track record of each recipe on the real rows, and the fit on everything that ships."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shotclock import config, flows
from shotclock.config import settings
from shotclock.handoff import Approval, Candidate
from shotclock.judging import gate as gates
from shotclock.steps import refitting, retraining, training
from shotclock.steps.recipes import fits, record
from shotclock.store import history, records
from shotclock.store.run import Run
from shotclock.store.versions import registry
from shotclock.store.window import reference_rows

R1 = Run("shots", "retraining", "r1")
OWN = "decision_tree.older_and_recent"  # the recipe that made version 1


def compared(given, name=OWN):
    item = Candidate(name=name, algorithm=name.partition(".")[0], rows="all" if name == OWN else "train")
    return training.compare(R1, [item], given["data"])


def ids(path):
    return set(pd.read_parquet(path)["shot_id"])


@pytest.mark.parametrize("name", [OWN, "decision_tree.recent"])
def test_a_block_is_scored_by_the_model_of_all_rows_before_it(gated, name):
    given = gated()
    data, rows = given["data"], pd.read_parquet(given["data"].all)
    (candidate,) = compared(given, name)
    before, span = data.blocks.older if name != OWN else 0, data.blocks.spans[4]
    model = fits.fit(R1, candidate, rows.iloc[before : span.start]).model
    expected = model.predict_proba(rows.iloc[span][list(model.feature_names_in_)])[:, 1]
    found = pd.read_parquet(given["selection"].candidates[name].record)
    assert len(found) == 5_412
    np.testing.assert_array_equal(found["probability"][span.start - data.blocks.first :][: len(expected)], expected)
    assert found["shot_id"].tolist() == rows["shot_id"].iloc[data.blocks.first :].tolist()


def test_the_blocks_that_choose_are_those_before_the_blocks_that_judge(gated, stored_runs):
    given = gated()
    selection = given["selection"]
    found = pd.read_parquet(selection.candidates[selection.winner].record)
    chosen_on = found.iloc[: given["data"].rows["choosing"]]
    p, y = chosen_on["probability"], chosen_on["shot_made_flag"]
    expected = -np.log(np.where(y == 1, p, 1 - p)).mean()
    assert selection.candidates[selection.winner].score.log_loss == pytest.approx(expected)
    best = min(selection.candidates, key=lambda name: selection.candidates[name].score.log_loss)
    assert selection.winner == best
    (run, *_) = [run for run in stored_runs("candidate") if run.info.run_name == selection.winner]
    assert run.data.metrics["validation_log_loss"] == pytest.approx(expected)


def test_what_takes_over_has_learnt_from_all_labelled_rows(gated, promote_r1):
    given = gated()
    recipe = given["refitted"]
    assert recipe.recipe == given["selection"].winner == "logistic_regression.recent"
    assert promote_r1().version == "2"
    champion = registry.require_champion("shots")
    assert ids(champion.training_ids()) == ids(given["data"].train)
    told = history.decisions("shots")[0].reason
    assert told.startswith("gain over the champion 0.02")
    assert told.endswith(
        "what takes over is logistic_regression.recent, fitted on all 5,412 rows that it may learn from"
    )


@pytest.fixture
def kept(gated, monkeypatch):
    """The retraining `r1` at a gate that finds nothing better: what `promote` is called with."""
    given = gated()
    judge = gates.judge
    monkeypatch.setattr(gates, "judge", lambda *rows: replace(judge(*rows), outcome="keep", because="no gain"))
    decision = training.gate(R1, given["selection"], given["data"])
    refitted = refitting.refit(R1, compared(given), given["selection"], decision, given["data"])
    verified = training.verify(R1, decision, refitted)
    return given | {"decision": decision, "refitted": refitted, "verified": verified}


def test_where_the_gate_keeps_the_recipe_in_service_is_refitted_and_the_reason_says_so(kept):
    assert kept["refitted"].recipe == OWN
    done = training.promote(R1, **kept)
    assert (done.decision, done.version) == ("promote", "2")
    champion = registry.require_champion("shots")
    assert champion.origin.algorithm == OWN
    assert ids(champion.training_ids()) == ids(kept["data"].all)
    newest = history.decisions("shots")[0]
    assert (newest.outcome, newest.gate, newest.kept) == ("promote", "keep", True)
    assert newest.reason == (
        f"the recipe in service stays, refitted: {OWN}, fitted on all 25,697 rows that it may learn from; "
        "the gate on the challenger: no gain"
    )


def test_the_card_of_a_refit_says_what_was_measured_and_that_it_has_learnt_those_rows_since(kept):
    training.promote(R1, **kept)
    card = (settings().data / "shots" / "champion" / "model_card.html").read_text("utf-8")
    for sentence in (
        "the recipe in service, refitted, in place of v1",
        "that its recipe was judged on before it learnt from them",
        "No figure on this page was measured on this very fit.",
        "541 rows, judges",
        "542 rows, chooses",
    ):
        assert sentence in card


@pytest.mark.parametrize("because", ["dry run", "rejected by Ann"])
def test_a_refit_waits_for_an_approval_like_any_promotion(kept, because):
    done = training.promote(R1, **kept, approval=Approval(approved=False, because=because))
    assert (done.decision, registry.require_champion("shots").number) == ("keep", "1")
    assert done.reason == f"{because}; no gain"


def test_nothing_is_fitted_where_no_row_has_come_that_the_champion_does_not_know(at):
    at("rested")
    done = flows.retrain("shots", "again", by="manual", reason="looked again")
    assert (done.decision, registry.require_champion("shots").number) == ("keep", "2")
    assert "not above the smallest gain" in done.reason


def test_exactly_the_measured_model_ships_where_the_project_says_so(at, stored_runs):
    at("alerted")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("ships: refit", "ships: measured"), "utf-8")
    config.project.cache_clear()
    done = flows.retrain("shots", "r1", by="alert")
    assert (done.decision, done.version) == ("promote", "2")
    champion, folder = registry.require_champion("shots"), settings().data / "shots" / "champion"
    scores = pd.read_parquet(folder / "gate_scores.parquet")
    model = champion.load()
    np.testing.assert_array_equal(
        model.predict_proba(scores[list(model.feature_names_in_)])[:, 1], scores["probability"]
    )
    judged = ids(folder / "recent_holdout.parquet")
    assert len(judged) == len(scores) == 1_623
    assert not judged & ids(champion.training_ids())
    assert stored_runs("refit") == []


def test_the_recipe_behind_a_champion_is_found_also_of_a_first_training():
    def made(algorithm):
        return registry.Version("shots", "1", "", records.Origin(algorithm=algorithm))

    recipes = [OWN, "decision_tree.recent"]
    assert record.in_service(made("decision_tree"), recipes) == OWN
    assert record.in_service(made("decision_tree.recent"), recipes) == "decision_tree.recent"
    assert record.in_service(made("gradient_boosting"), recipes) == record.in_service(None, recipes) == ""


def test_a_window_that_the_champion_has_learnt_from_is_told_in_words_and_alerts_nothing(at, stored_runs):
    at("rested")
    (newest, *_) = stored_runs("performance")
    assert newest.data.tags["shotclock.verdict"] == "insufficient data"
    assert newest.data.tags["shotclock.reason"] == (
        "0 labelled rows, 1,000 are needed; 5,412 labelled rows of this window are those that it has learnt from; before it "
        "had, on 5,412 rows, it was better than guessing the base rate, by 0.6% to 1.5%; log-loss skill 0.0105 [0.0056, 0.0153]"
    )
    assert stored_runs("alert") and not [
        run for run in stored_runs("alert") if run.data.tags["shotclock.champion"] == "2"
    ]


def test_small_batches_are_told_by_their_rows(at, prod):
    """What `collect` hands on says how many rows each batch has, so that no block lies across two of them needlessly."""
    at("trained")
    labelled = prod.dropna()
    for number, rows in enumerate((labelled.iloc[:700], labelled.iloc[700:1700])):
        path = settings().data / "raw" / f"{number}.parquet"
        rows.to_parquet(path)
        flows.score("shots", f"s{number}", path=path)
    run = Run("shots", "retraining", "small")
    data = retraining.split_recent(run, retraining.collect(run, retraining.decide(run)))
    assert [span.stop - span.start for span in data.blocks.spans] == [700, 500, 500]
    assert (data.rows["choosing"], data.rows["test"]) == (700, 1_000)


# Rows that are too few for the gate


@pytest.fixture
def few(shop):
    """The shop with 150 labelled orders since its training, where the gate needs 200."""
    shop.put("in/1.parquet", shop.orders(150, first=10_001, day="2026-01-01"))
    shop.score()
    return shop


def changed(table, **values):
    """The table with one value in all rows of a column."""
    for name, value in values.items():
        field = table.schema.field(name)
        table = table.set_column(
            table.column_names.index(name), field, pa.repeat(value, table.num_rows).cast(field.type)
        )
    return table


def order_ids(path):
    return set(pd.read_parquet(path)["order_id"])


def test_on_rows_too_few_for_the_gate_the_recipe_in_service_is_refitted(few):
    before = registry.require_champion("shop")
    done = few.retrain()
    champion, (newest, *_) = registry.require_champion("shop"), history.decisions("shop")
    assert (done.decision, champion.number, champion.origin.algorithm) == (
        "promote",
        "2",
        "logistic_regression.older_and_recent",
    )
    assert (newest.outcome, newest.gate, newest.kept) == ("promote", "not enough data", True)
    assert newest.reason.startswith(
        "the recipe in service stays, refitted: logistic_regression.older_and_recent, fitted on all 3,150 rows that it may "
        "learn from; the gate on the challenger: 150 rows to judge by, 200 are needed; "
    )
    new = set(range(10_001, 10_151))
    assert order_ids(champion.training_ids()) >= new | order_ids(before.training_ids())
    card = (settings().data / "shop" / "champion" / "model_card.html").read_text("utf-8")
    assert "No figure on this page was measured on this very fit." in card


def test_its_reference_is_the_one_before_and_the_new_rows_each_with_what_was_said_before_it_was_learnt(few):
    first = reference_rows("shop", registry.require_champion("shop"))
    given = few.predictions("1").to_pandas()
    few.retrain()
    champion = registry.require_champion("shop")
    found = reference_rows("shop", champion)
    assert found["order_id"].tolist() == [*first["order_id"], *range(10_001, 10_151)]
    model = champion.load()
    np.testing.assert_array_equal(found["probability"], model.predict_proba(found[list(model.feature_names_in_)])[:, 1])
    np.testing.assert_array_equal(found[history.BEFORE].head(len(first)), first["probability"])
    assert np.abs(found[history.BEFORE].tail(150).to_numpy() - given["probability"].to_numpy()).mean() < 0.05
    few.put("in/2.parquet", few.orders(400, first=20_001, day="2026-02-01"))
    few.score()
    assert few.check().drift_check.verdict != "insufficient data"  # the few new rows alone could not be compared with


def test_after_it_the_loop_rests_and_the_next_one_finds_nothing_new(few):
    few.retrain()
    few.score()
    assert not [kind for kind, sensed in few.check().sensors.items() if sensed.fires]
    assert "150 labelled rows, 200 are needed to judge a challenger by" in few.retrain().skip
    assert registry.require_champion("shop").number == "2"


def test_rows_of_one_label_are_learnt_with_all_others(shop):
    shop.put("in/1.parquet", changed(shop.orders(150, first=10_001, day="2026-01-01"), bought=0))
    shop.score()
    assert (shop.retrain().decision, registry.require_champion("shop").number) == ("promote", "2")
    assert "150 rows to judge by, 200 are needed" in history.decisions("shop")[0].reason


def test_rows_of_a_refit_that_was_refused_ask_for_no_retraining_again(few):
    few.use(retraining={"min_new_labels": 1, "every_new_records": 1, "cool_down_days": 0})
    run = Run("shop", "retraining", "refused")
    plan = retraining.decide(run)
    data = retraining.split_recent(run, retraining.collect(run, plan))
    items = training.compare(run, retraining.candidates(run, plan, data), data)
    selection = training.select(run, [training.train(run, item, data) for item in items], data)
    decision = training.gate(run, selection, data)
    refitted = refitting.refit(run, items, selection, decision, data)
    verified = training.verify(run, decision, refitted)
    refused = Approval(approved=False, because="rejected by Ann")
    assert training.promote(run, selection, decision, verified, data, refitted, refused).decision == "keep"
    assert not [kind for kind, sensed in few.check().sensors.items() if sensed.fires]
