"""What people are told, word for word."""

from dataclasses import replace

import pytest

from shotclock.handoff import Done, Gated, Refitted, Sensed, Verified
from shotclock.judging.gate import Ruling
from shotclock.judging.gate.churn import Churn
from shotclock.judging.performance import Figure, Performance
from shotclock.words import messages
from shotclock.words.messages import Failed, Where

HERE = Where("shots.monitoring", "run 1", "http://airflow/dags/shots.monitoring/runs/run%201")
RETRAINING = Where("shots.retraining", "run 2", "http://airflow/dags/shots.retraining/runs/run%202")
BECAUSE = "gain over the champion 0.0271 [0.0184, 0.0352] nats per row on 1624 rows: above 0.001"
RULING = Ruling(
    outcome="promote",
    because=BECAUSE,
    rows=1624,
    against="champion",
    confidence=0.95,
    gain=Figure(0.02713, 0.01839, 0.03521),
    champion_log_loss=0.6488,
    challenger_log_loss=0.6217,
)
GATED = Gated(
    champion="1",
    challenger="decision_tree.recent",
    regime="production",
    ruling=RULING,
    figures={},
    measured=Performance(rows=1624, positives=535, confidence=0.95),
    scores="gate_scores.parquet",
)
FIGURES = """\
gate: promote
challenger: decision_tree.recent
holdout rows: 1,624
gain: 0.0271 [0.0184, 0.0352] nats per row
log loss: 0.6217, the champion's 0.6488"""


def told(**changes):
    figures = {
        "rows": 5412.0,
        "log_loss_skill": -0.02631,
        "log_loss_skill_low": -0.0347,
        "log_loss_skill_high": -0.0192,
    }
    judged = Sensed(
        trigger="degradation",
        reason="skill lies below 0",
        window="w1",
        champion="1",
        fires=True,
        figures=figures,
    )
    return replace(judged, **changes)


def test_an_alert_says_what_is_wrong_with_which_champion_on_which_window():
    message = messages.alert("shots", told(), HERE)

    assert message.subject == "shots: degradation alert, champion v1"
    assert message.level == "warning"
    assert message.body == (
        "skill lies below 0\n\n"
        "alert: degradation\n"
        "window: w1\n"
        "champion: v1\n"
        "log_loss_skill: -0.0263 [-0.0347, -0.0192]\n"
        "rows: 5,412\n\n"
        "run: shots.monitoring, run 1\n"
        "http://airflow/dags/shots.monitoring/runs/run%201"
    )


def test_an_alert_leads_to_its_own_page_before_anything_else_that_it_leads_to():
    body = messages.alert("shots", told(), HERE, "http://host/shotclock/health/shots/alerts/1").body
    assert "What it means and what you can do: http://host/shotclock/health/shots/alerts/1\n\nrun: " in body


def test_an_alert_of_new_records_is_called_so_in_words():
    assert messages.alert("shots", told(trigger="new_records"), HERE).subject == "shots: new records alert, champion v1"


def test_a_stop_is_a_warning_and_its_subject_says_the_word_of_the_guard():
    message = messages.stopped(
        "shots", told(reason="STOPPED: the last 3 retrainings changed nothing: look at data"), HERE
    )

    assert message.level == "warning"
    assert message.subject == "shots: STOPPED, alerts start no retraining, champion v1"
    assert message.body == (
        "STOPPED: the last 3 retrainings changed nothing: look at data\n\n"
        "finding: degradation\nwindow: w1\nchampion: v1\n\n"
        "run: shots.monitoring, run 1\nhttp://airflow/dags/shots.monitoring/runs/run%201"
    )


def test_a_promotion_says_who_serves_now_instead_of_whom_and_by_which_figures():
    done = Done(decision="promote", reason=BECAUSE, version="2")

    message = messages.decision("shots", done, RETRAINING, GATED, "drift: 5 of 6 columns")

    assert message.subject == "shots: promote, v2 is the champion instead of v1"
    assert message.level == "info"
    assert message.body == (
        f"{BECAUSE}\n\n{FIGURES}\nstarted because: drift: 5 of 6 columns\n\n"
        "run: shots.retraining, run 2\nhttp://airflow/dags/shots.retraining/runs/run%202"
    )


@pytest.mark.parametrize(
    ("done", "champion", "subject"),
    [
        (
            Done(decision="promote", version="1", reason="so"),
            None,
            "shots: promote, v1 is the champion, the first one",
        ),
        (Done(decision="keep", reason="so"), "1", "shots: keep, v1 stays the champion"),
        (Done(decision="keep", reason="so"), None, "shots: keep, there is still no champion"),
    ],
)
def test_the_subject_of_a_decision_says_who_is_the_champion_now(done, champion, subject):
    message = messages.decision("shots", done, RETRAINING, replace(GATED, champion=champion))

    assert message.subject == subject


def test_a_rollback_needs_no_gate():
    done = Done(decision="rollback", version="1", reason="complaints")
    here = Where("shots.rollback", "run 3", "http://airflow")

    message = messages.decision("shots", done, here)

    assert message.subject == "shots: rollback, v1 is the champion again"
    assert message.body == "complaints\n\nrun: shots.rollback, run 3\nhttp://airflow"


def test_a_skip_says_why_nothing_is_decided():
    message = messages.skipped("shots", "no champion yet: trigger shots.training first", RETRAINING)

    assert message.subject == "shots: skip, shots.retraining ends without a decision"
    assert message.body.startswith("no champion yet: trigger shots.training first\n\nrun: shots.retraining, run 2\n")


def test_too_little_data_says_how_many_more_rows_would_decide():
    ruling = replace(RULING, outcome="not enough data", gain=None, rows=0, more_rows=1500)
    done = Done(decision="keep", reason="no rows")

    body = messages.decision("shots", done, RETRAINING, replace(GATED, ruling=ruling)).body

    assert body.startswith(
        "no rows\n\ngate: not enough data\nchallenger: decision_tree.recent\nholdout rows: 0\n"
        "more rows that would show the smallest gain to be found: 1,500\n\n"
    )


def test_who_is_asked_to_approve_sees_the_figures_and_where_to_answer():
    message = messages.approval("shots", GATED, Verified(), RETRAINING, "http://airflow/page")

    assert message.subject == "shots: approval asked, promote decision_tree.recent?"
    assert message.body == (
        f"{BECAUSE}\n\n{FIGURES}\nagainst: champion v1\n\n"
        "Both side by side, and your answer: http://airflow/page\nUntil you answer the champion stays.\n\n"
        "run: shots.retraining, run 2\nhttp://airflow/dags/shots.retraining/runs/run%202"
    )


def test_who_is_asked_about_the_base_rate_is_told_so():
    nothing = replace(
        GATED, champion=None, ruling=replace(RULING, outcome="keep"), instead=Refitted(recipe="base_rate")
    )
    assert (
        messages.approval("shots", nothing, Verified(), RETRAINING).subject
        == "shots: approval asked, promote the base rate?"
    )


def test_who_is_asked_about_a_mere_refit_is_told_so():
    kept = replace(GATED, ruling=replace(RULING, outcome="keep"))
    assert messages.approval("shots", kept, Verified(), RETRAINING).subject == (
        "shots: approval asked, promote the refit of the recipe in service?"
    )


def test_who_is_asked_because_too_much_would_change_is_told_how_much():
    changes = Churn(1623, Figure(0.3, 0.28, 0.32), Figure(0.05, 0.04, 0.06))
    body = messages.approval("shots", GATED, Verified(churn=changes, held="30.0% would change"), RETRAINING).body
    assert body.startswith("30.0% would change\n\n")
    assert "\nchurn: Of 1,623 rows 30.0% [28.0%, 32.0%] are predicted otherwise than by v1, at a probability" in body


def test_a_failure_names_each_task_its_error_and_what_to_do():
    doc = "Reads the file.\n\n**If it fails**, the message names\nthe file. Put it there.\n\nMore."
    failed = [Failed("ingest", "SourceError: old.parquet: no such file", doc), Failed("train[1]")]

    message = messages.failure("shots", failed, "task_failure", HERE)

    assert message.level == "error"
    assert message.subject == "shots: monitoring failed at ingest, train[1]"
    assert message.body == (
        "ingest: SourceError: old.parquet: no such file\n"
        "train[1]: no error was recorded, see its log\n\n"
        "The message names the file. Put it there.\n"
        "The champion in service and everything that was published are as they were. Read the task's log, put the cause "
        "right, then clear the failed task.\n\n"
        "run: shots.monitoring, run 1\nhttp://airflow/dags/shots.monitoring/runs/run%201"
    )


def test_a_failure_without_a_failed_task_says_airflow_s_reason():
    message = messages.failure("shots", [], "timed_out", HERE)

    assert message.subject == "shots: monitoring failed: timed out"
    assert message.body.startswith("no task failed: timed out\n\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("lat is missing\nTraceback …"), "ValueError: lat is missing"),
        (ValueError("\n  lat is missing"), "ValueError: lat is missing"),
        (KeyError(), "KeyError"),
        ("killed", "killed"),
        (OSError("postgresql://bob:hunter2@db/x refused"), "OSError: postgresql://bob:***@db/x refused"),
        (OSError("s3://:hunter2@store"), "OSError: s3://:***@store"),
        (OSError("http://127.0.0.1:8080/a@b"), "OSError: http://127.0.0.1:8080/a@b"),
    ],
)
def test_the_first_line_of_an_error_is_one_line_without_passwords(error, line):
    assert messages.first_line(error) == line


def test_a_long_error_is_cut():
    line = messages.first_line(ValueError("x" * 9000))

    assert (len(line), line[-1]) == (500, "…")
