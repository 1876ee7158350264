"""What an alert means to a person, and what is recommended: a sentence without jargon, and the first reason that holds."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shotclock.judging.advice import advise
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.fitness import Check, WindowHealth

AT = datetime(2026, 3, 10, tzinfo=UTC)
SKILL = {"log_loss_skill": -0.02, "log_loss_skill_low": -0.031, "log_loss_skill_high": -0.012, "rows": 5412.0}
FALLEN = {"log_loss_skill": 0.02, "log_loss_skill_low": 0.01, "log_loss_skill_high": 0.03, "rows": 5412.0}
DRIFT = {"drift_share": 0.8333, "drift_rows_current": 6426.0}


def alert(kind="degradation", **figures):
    return Alert("a1", kind, "w1", "1", "the reason", AT, figures or SKILL)


def asked(told, **known):
    usual = {"window": None, "answer": None, "champion": "1", "confidence": 0.95}
    return advise(told, **(usual | known))


@pytest.mark.parametrize(
    ("told", "meaning", "sure"),
    [
        (
            alert(),
            "worse than guessing the base rate, by 1.2% to 3.1%",
            "on 5,412 rows; the true figure lies in that range",
        ),
        (alert(**FALLEN), "much worse than on the rows that it was judged on", "with 95% confidence"),
        (alert("degradation", rows=3.0), "does worse than it should", "on 3 rows"),
        (
            alert("drift", **DRIFT),
            "The rows are no longer like those that it was judged on",
            "83% of the columns drifted, on 6,426 rows",
        ),
        (alert("drift", x=1.0), "no longer like those", "Measured on the rows of its window"),
        (alert("new_records", x=1.0), "Nothing is wrong with the model", "nothing to doubt"),
    ],
)
def test_each_kind_of_alert_says_what_it_means_and_how_sure_that_is(told, meaning, sure):
    advice = asked(told)
    assert meaning in advice.meaning
    assert sure in advice.sure
    assert not {"nats", "log loss", "skill"} & set(advice.meaning.lower().split())


def decided(outcome):
    return Decision("d1", outcome, "because of this", "2", AT)


def still(broken):
    check = Check("alert", "drifted", AT, "f" * 32, "dag", "run", DRIFT, broken=broken)
    return WindowHealth("w1", "1", AT, ("b",), False, drift=check)


@pytest.mark.parametrize(
    ("known", "act", "because"),
    [
        ({}, "wait", "starts by itself"),
        ({"activity": "paused"}, "retrain", "paused"),
        ({"stopped": "the last 3 retrainings changed nothing"}, "mend the feed", "the last 3 retrainings"),
        ({"window": still("lat")}, "mend the feed", "lat stood still"),
        ({"window": still("lat"), "activity": "paused"}, "mend the feed", "lat stood still"),
        ({"window": still("lat"), "activity": "retraining"}, "wait", "a retraining is under way"),
        ({"activity": "rollback"}, "wait", "a rollback is under way"),
        ({"activity": "approval"}, "approve", "waits for a person"),
        ({"champion": "2", "activity": "paused"}, "wait", "v2 has taken its place"),
        ({"champion": "2", "answer": decided("promote")}, "wait", "answered (promote): because of this"),
        ({"answer": decided("keep"), "activity": "paused"}, "wait", "answered (keep)"),
    ],
)
def test_what_is_recommended_follows_from_what_happened(known, act, because):
    advice = asked(alert(), **known)
    assert advice.act == act
    assert because in advice.because


def test_the_whole_range_of_a_skill_is_told_whatever_its_size():
    for low in (-0.9, -0.5, -0.1):
        told = replace(alert(), figures=SKILL | {"log_loss_skill_low": low, "log_loss_skill": low})
        assert f"{-low:.1%}" in asked(told).meaning


@pytest.mark.parametrize(("demote", "act"), [("on", "wait"), ("ask", "roll back")])
def test_of_a_demotion_a_person_is_asked_only_where_the_project_leaves_it_to_one(demote, act):
    found = asked(alert("demotion", gain=0.02, rows=3000.0), demote=demote)
    assert (found.act, found.meaning.partition(" than")[0]) == (act, "The version before does better")
    assert found.sure == "Measured on 3,000 rows, with an interval that holds however often it is looked at."
    assert asked(alert("demotion"), champion="2", demote=demote).act == "wait"
