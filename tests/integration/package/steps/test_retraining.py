"""Why a retraining runs or does not, and the rows that it learns from."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from shotclock import config, flows
from shotclock.config import settings
from shotclock.handoff import Cause, Plan
from shotclock.judging.alerts import KINDS
from shotclock.steps import retraining
from shotclock.store import history, queries, records, tracking
from shotclock.store.run import Run

R9 = Run("shots", "retraining", "r9")
PLAN = Plan(cause=Cause(by="manual", why="", alerts=()))


def decided(by, reason=None):
    return retraining.decide(R9, by, reason)


def skips():
    return queries.newest("shots", records.Decision, where={"decision": "skip"}, most=9)


# Whether it goes on


def test_alerts_start_one_retraining_that_answers_them_all(at):
    at("alerted")
    plan = decided("alert")
    assert not plan.skip
    assert sorted(alert.kind for alert in plan.cause.alerts) == sorted({*KINDS} - {"demotion"})
    assert plan.cause.answers == tuple(alert.id for alert in history.alerts("shots"))
    assert "5 of 6 columns drifted" in plan.cause.why and "log-loss skill" in plan.cause.why
    assert plan.cause.why in plan.summary


def test_the_second_retraining_by_alert_finds_them_answered(at):
    at("rested")
    plan = decided("alert")
    assert plan.skip.startswith("every alert is answered already by the decision of 20")
    assert "gain over the champion" in plan.skip
    (skip,) = skips()
    assert skip.record.reason in plan.skip
    assert skip.name == "Retraining: skip"


def test_deciding_again_is_the_same_run(at, mlflow_runs):
    at("alerted")
    first, runs = decided("alert"), mlflow_runs()
    assert decided("alert") == first
    assert mlflow_runs() == runs


@pytest.mark.parametrize("by", ["alert", "scheduled", "manual"])
def test_without_a_champion_there_is_nothing_to_retrain(at, by):
    at("empty")
    assert decided(by).skip.startswith("project 'shots' has no champion yet; trigger shots.training first")


def test_a_person_may_always_start_one_and_the_reason_is_kept(at):
    at("rested")
    plan = decided("manual", "the hoop was moved")
    assert not plan.skip
    assert plan.cause.why == "the hoop was moved"
    assert queries.newest("shots", records.Retraining)[0].record.why == "the hoop was moved"


def test_a_point_of_the_schedule_is_answered_by_a_decision_that_came_after_it(at):
    at("rested")
    assert re.match(
        r"the schedule's point of 20\d\d-.* is answered: the last decision is of 20", decided("scheduled").skip
    )


def test_the_schedule_waits_for_labels(at, monkeypatch):
    at("rested")
    monkeypatch.setattr(retraining, "answered_point", lambda *_: None)
    assert decided("scheduled").skip.startswith("no labelled row has come since the last decision")


def test_the_schedule_goes_on_when_labels_have_come(at, monkeypatch):
    at("alerted")
    for alert in history.alerts("shots"):
        tracking.close_run(alert.id, "FAILED")
    monkeypatch.setattr(retraining, "answered_point", lambda *_: None)
    plan = decided("scheduled")
    assert not plan.skip and plan.cause.alerts == ()


def test_the_schedule_answers_alerts_whose_events_were_lost(at):
    at("alerted")
    plan = decided("scheduled")  # minutes after the first training
    assert not plan.skip and len(plan.cause.answers) == 3
    assert plan.cause.why.startswith("scheduled (open alerts: ")


def test_a_champion_whose_decision_is_not_on_record_is_no_obstacle_to_the_schedule(at):
    at("trained")
    tracking.close_run(history.decisions("shots")[0].id, "FAILED")
    assert decided("scheduled").skip.startswith("no labelled row has come")


# The rows


def test_all_5412_labelled_production_rows_are_collected_in_the_order_of_time(at):
    at("alerted")
    found = retraining.collect(R9, decided("alert"))
    rows = pd.read_parquet(found.recent)
    assert len(rows) == found.rows == 5_412
    assert rows.equals(rows.sort_values(["game_date", "shot_id"]).reset_index(drop=True))
    assert rows["shot_made_flag"].mean() == pytest.approx(0.3293, abs=5e-5)


def cut(at, stage="alerted"):
    at(stage)
    return retraining.split_recent(R9, retraining.collect(R9, decided("manual")))


def test_they_are_cut_into_equal_blocks_behind_all_rows_of_the_training_file(at):
    data = cut(at)
    parts = {name: pd.read_parquet(getattr(data, name)) for name in ("train", "test", "all")}
    assert {name: len(part) for name, part in parts.items()} == {"train": 5_412, "test": 1_623, "all": 25_697}
    blocks = data.blocks
    assert (blocks.older, blocks.first, blocks.judging, blocks.rows) == (20_285, 20_285, 24_074, 25_697)
    assert [span.stop - span.start for span in blocks.spans] == [542] * 2 + [541] * 8
    assert parts["all"].tail(5_412).reset_index(drop=True).equals(parts["train"])
    assert parts["train"].tail(1_623).reset_index(drop=True).equals(parts["test"])
    assert data.rows["choosing"] == 3_789
    assert data.recalibrates
    assert parts["all"]["shot_id"].is_unique


def test_after_a_refit_the_same_rows_are_there_once_and_nothing_is_recalibrated_that_has_learnt_from_them(at):
    data = cut(at, "rested")
    assert (data.rows["all"], data.rows["older"]) == (25_697, 20_285)
    assert not data.recalibrates
    assert "recalibrated_champion" not in [item.name for item in retraining.candidates(R9, PLAN, data)]


def test_where_exactly_the_measured_model_ships_one_model_judges(at):
    at("alerted")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("ships: refit", "ships: measured"), "utf-8")
    config.project.cache_clear()
    data = retraining.split_recent(R9, retraining.collect(R9, decided("manual")))
    assert [span.stop - span.start for span in data.blocks.spans] == [542] * 2 + [541] * 5 + [1_623]


def test_collecting_and_splitting_again_leave_the_same_bytes_and_runs(at, files, mlflow_runs):
    folder = at("gated")
    before = files(folder / "data"), mlflow_runs()
    run = Run("shots", "retraining", "r1")
    retraining.split_recent(run, retraining.collect(run, PLAN))
    assert (files(folder / "data"), mlflow_runs()) == before


def test_each_algorithm_competes_twice_and_the_recalibrated_champion_once(at):
    data = cut(at)
    found = retraining.candidates(R9, PLAN, data)
    assert [(item.name, item.rows) for item in found] == [
        ("decision_tree.older_and_recent", "all"),
        ("decision_tree.recent", "train"),
        ("logistic_regression.older_and_recent", "all"),
        ("logistic_regression.recent", "train"),
        ("recalibrated_champion", "train"),
    ]
    assert len(retraining.candidates(R9, PLAN, data, ["decision_tree"])) == 3


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (lambda rows: rows.assign(shot_made_flag=np.nan), "0 labelled rows, 500 are needed"),
        (lambda rows: rows.drop(columns="shot_made_flag"), "0 labelled rows, 500 are needed"),
        (lambda rows: rows.assign(shot_made_flag=1.0), "all 6,426 labelled rows are 1, both outcomes are needed"),
    ],
    ids=["null", "no column", "one class"],
)
def test_rows_that_could_not_decide_anything_end_the_retraining_as_skipped(at, prod, put, published, labels, said):
    at("trained")
    flows.score("shots", "s1", path=put(labels(prod)))
    before = published()
    found = flows.retrain("shots", "r9")
    assert re.match(rf"column 'shot_made_flag' of window `[0-9a-f]+`: {said}", found.skip)
    assert published() == before
    assert history.decisions("shots")[0].flow == "training"  # no alert is answered by that


@pytest.fixture
def few(at, prod, put):
    """Fewer labelled rows than the gate needs, scored by version 1."""
    at("trained")
    flows.score("shots", "s1", path=put(prod.head(550)))


def test_rows_too_few_for_the_gate_are_enough_to_refit_the_recipe_in_service(few):
    found = retraining.collect(R9, decided("manual"))
    assert not found.skip and 400 < found.rows < 500
    assert "500 are needed to judge a challenger by: the recipe in service is refitted all the same" in found.summary
    assert len(retraining.split_recent(R9, found).blocks.spans) == 1


@pytest.mark.parametrize(
    "section",
    [{"retraining": {"ships": "measured"}}, {"training": {"candidates": ["logistic_regression"]}}],
    ids=["exactly the measured model ships", "the recipe in service does not compete"],
)
def test_they_end_it_as_skipped_where_nothing_is_refitted(few, section):
    path = settings().projects / "shots.yaml"
    rules = yaml.safe_load(path.read_text("utf-8"))
    for name, values in section.items():
        rules[name] |= values
    path.write_text(yaml.safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()
    assert re.search("4[0-9]{2} labelled rows, 500 are needed", retraining.collect(R9, decided("manual")).skip)


def test_a_synthetic_window_is_marked_in_what_comes_of_it(at, stored_runs):
    at("alerted")
    (scored,) = queries.newest("shots", records.Application)
    with tracking.tracked(Run("shots", "inference", "s1"), "score/1", records.Application) as run:
        run.write(replace(scored.record, synthetic=True))
    data = retraining.split_recent(R9, retraining.collect(R9, decided("alert")))
    assert data.synthetic is True
    assert stored_runs("preparation")[0].data.tags["shotclock.synthetic"] == "True"
