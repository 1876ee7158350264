"""The project on one page of text."""

from dataclasses import replace

import pytest

from shotclock.reading.status import status
from shotclock.reading.status.summary import summarise
from shotclock.store import history, queries, records, tracking
from shotclock.store.run import Run


def test_a_project_at_rest_is_told_from_the_first_rows_to_the_last_check(at):
    folder = at("rested")
    told = " ".join(summarise(status("shots")).split())
    for said in (
        "raw 24,271",
        "filtered 20,285",
        "decision_tree",
        "logistic_regression",
        "PROMOTE, champion v1",
        "6,426 rows, 6,426 scored by v1",
        "5 of 6 columns drifted",
        "ALERT new records, degradation, drift",
        "v1, in service",
        "the base rate",
        "PROMOTE, champion v2",
        "6,426 scored by v2",
        "no new alert",
        "champion: models:/shots/2, previous: v1",
        "none: the loop is at rest",
        str(folder / "data" / "shots" / "champion"),
        "drift_report.html",
    ):
        assert said in told, said
    places = [told.index(said) for said in ("1. training", "2. inference", "3. monitoring", "4. retraining")]
    assert places == sorted(places)


def test_open_alerts_are_named(at):
    at("alerted")
    told = summarise(status("shots"))
    assert all(
        kind in told.split("open alerts: ")[1].splitlines()[0] for kind in ("drift", "degradation", "new records")
    )


def test_a_loop_whose_newest_window_was_not_checked_is_not_at_rest(at):
    at("rested")
    for kind in (records.Drift, records.Performance):
        for found in queries.newest("shots", kind):
            tracking.close_run(found.id, "FAILED")
    told = " ".join(summarise(status("shots")).split())
    assert "at rest: the" not in told and "the loop is at rest" not in told
    assert "the newest window was not checked for drift: that failed or never ran; see shots.monitoring" in told
    assert "the newest window was not checked for quality" in told


def test_a_champion_that_serves_and_was_never_checked_is_not_at_rest(at):
    at("trained")
    told = summarise(status("shots"))
    assert "the loop is at rest" not in told
    assert "not at rest\n  models:/shots/1 has scored nothing yet" in told


def test_a_champion_worse_than_the_base_rate_is_never_at_rest_without_a_word(at):
    at("alerted")
    for alert in history.alerts("shots"):
        tracking.close_run(alert.id, "FAILED")  # its event and its record are lost
    told = summarise(status("shots")).split("open alerts: ")[1]
    assert told.startswith("none\nnot at rest\n")
    for said in (
        "degradation: worse than guessing the base rate",
        "Tried last: promote",
        "shotclock retrain shots",
        "shotclock rollback",
    ):
        assert said in told, said


def test_what_is_only_a_warning_is_the_answer_of_a_loop_at_rest(at):
    at("rested")
    with tracking.tracked(Run("shots", "monitoring", "m2"), "performance", records.Performance) as run:
        run.write(
            replace(run.written(records.Performance), verdict="warning", reason="log-loss skill -0.01 is below 0")
        )
    told = summarise(status("shots"))
    assert "▲ Not proven since " in told.splitlines()[2] and "the loop is at rest" in told


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("empty", "○ Unknown; nothing: trigger the training."),
        ("trained", "○ Unknown; nothing yet: the next batch that it scores is checked."),
        ("alerted", "✖ Not fit for use since 20"),
        ("rested", "○ Unknown"),
    ],
)
def test_it_begins_with_the_answer_and_no_sentence_and_no_table_is_wider_than_80_columns(at, stage, answer):
    at(stage)
    told = summarise(status("shots")).splitlines()
    assert told[2].startswith(answer)
    assert [line for line in told if len(line) > 80 and "/" not in line] == []


def test_a_retraining_that_found_no_champion_yet_is_not_the_beginning_of_the_story(at):
    at("trained")
    with tracking.tracked(Run("shots", "retraining", "r0"), "decision", records.Decision) as run:
        run.write(records.Decision(decision="skip", reason="no champion yet", by="gate", flow="retraining"))
    stories = status("shots").stories
    first = replace(status("shots"), stories=stories[::-1])  # the skipped one, then the training
    told = summarise(first)
    assert "no champion yet" in summarise(status("shots")) and "no champion yet" not in told
    assert "1. training" in told


def test_a_window_that_the_champion_has_learnt_from_is_told_without_figures(at):
    at("rested")
    told = " ".join(summarise(status("shots")).split())  # in one line
    assert "5,412 labelled rows of this window are those that it has learnt from" in told
    assert "before it had, on 5,412 rows, it was better than guessing the base rate, by 0.6% to 1.5%" in told
    assert "0 judged rows" not in told


def test_a_project_without_a_past_says_so(at):
    at("empty")
    assert "no champion yet" in summarise(status("shots"))


def test_a_synthetic_sample_is_said_in_capitals(at):
    at("alerted")
    assert "SYNTHETIC" not in summarise(status("shots"))
    with tracking.tracked(Run("shots", "inference", "s1"), "score/1", records.Application) as run:
        run.write(replace(run.written(records.Application), synthetic=True))
    assert "SYNTHETIC SAMPLE" in summarise(status("shots"))


def test_a_training_that_failed_halfway_does_not_hide_the_rest(at):
    at("trained")
    tracking.open_run(Run("shots", "training", "t2"), "training", records.Training)
    assert "PROMOTE, champion v1" in summarise(status("shots"))
