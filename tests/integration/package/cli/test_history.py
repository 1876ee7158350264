"""The commands that show what happened, and the one that goes back."""

import json

from shotclock.store import history
from shotclock.store.versions import registry


def today():
    return history.decisions("shots")[0].at.date().isoformat()


def test_history_tells_the_decisions_newest_first_with_why_and_by_whom(at, shotclock):
    at("rested")
    text = shotclock("history", "shots").stdout
    newer, older = text.index("retraining: PROMOTE, champion v2"), text.index("training: PROMOTE, champion v1")
    assert newer < older
    assert text.count("decided by: gate") == 2
    assert "started by: new records: 5,412 new labelled rows" in text
    found = json.loads(shotclock("history", "shots", "--json").stdout)
    assert [(done["outcome"], done["champion"], done["run"]) for done in found] == [
        ("promote", "2", "r1"),
        ("promote", "1", "t1"),
    ]
    assert len(found[0]["answered_alerts"]) == 3


def test_who_was_champion_on_a_day_and_why(at, shotclock):
    at("rested")
    found = shotclock("history", "shots", "--on", today())
    assert found.stdout.startswith(f"champion at the end of {today()} (UTC): v2")
    assert "gain over the champion" in found.stdout
    assert json.loads(shotclock("history", "shots", "--on", today(), "--json").stdout)["champion"] == "2"
    before = shotclock("history", "shots", "--on", "1999-12-31")
    assert (before.exit_code, before.stdout.strip()) == (0, "shots: no champion yet at the end of 1999-12-31")
    assert json.loads(shotclock("history", "shots", "--on", "1999-12-31", "--json").stdout) is None


def test_rolling_back_is_written_down_with_its_reason_and_the_person(at, shotclock, monkeypatch):
    at("rested")
    monkeypatch.setattr("getpass.getuser", lambda: "maria")
    found = shotclock("rollback", "shots", "--reason", "complaints from Boston")
    assert found.exit_code == 0
    assert "models:/shots/1 is the champion again instead of v2: complaints from Boston" in found.stdout
    assert registry.champion("shots").number == "1"
    serving = json.loads(shotclock("history", "shots", "--on", today(), "--json").stdout)
    assert (serving["champion"], serving["decided_by"], serving["reason"]) == ("1", "maria", "complaints from Boston")


def test_rolling_back_to_what_is_in_service_is_refused(at, shotclock):
    at("rested")
    found = shotclock("rollback", "shots", "--reason", "why", "--version", 2)
    assert found.exit_code == 3
    assert "models:/shots/2 is the champion already" in found.stderr
    assert registry.champion("shots").number == "2"


def test_status_is_the_page_of_the_demo_or_how_the_project_stands_as_json(at, shotclock):
    at("rested")
    assert "open alerts: none: the loop is at rest" in shotclock("status", "shots").stdout
    standing = json.loads(shotclock("status", "shots", "--json").stdout)
    assert (standing["champion"], standing["previous"], standing["open_alerts"]) == ("2", "1", [])
    assert standing["findings"]["drift"]["verdict"] == "ok"
    assert standing["last_decision"]["outcome"] == "promote"


def test_nothing_has_happened_yet_is_said_and_no_error(at, shotclock):
    at("empty")
    assert shotclock("history", "shots").stdout.strip() == "shots: nothing was decided yet"
    assert shotclock("batches", "shots").stdout.strip() == "shots: no batch was taken in yet"
    assert json.loads(shotclock("status", "shots", "--json").stdout)["champion"] is None
    assert json.loads(shotclock("batches", "shots", "--json").stdout) == []
