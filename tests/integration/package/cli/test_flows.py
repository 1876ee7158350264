"""The commands that run a flow: what they print, what they leave behind, how they end."""

import json

import pytest

from shotclock.cli import progress
from shotclock.store.versions import registry


def test_train_score_and_check_say_a_line_for_each_step(at, shotclock):
    at("empty")
    trained = shotclock("train", "shots")
    assert trained.exit_code == 0
    steps = [line.split("  ")[0] for line in trained.stdout.splitlines() if "  " in line]
    assert steps[:4] == ["ingest", "validate", "filter", "split"]
    assert steps[-4:] == ["select", "gate", "verify", "promote"]
    assert "[0." in trained.stdout  # an interval's square brackets are no markup
    assert registry.champion("shots").number == "1"

    scored = shotclock("score", "shots")
    assert (scored.exit_code, scored.stdout.splitlines()[-1]) == (0, "6,426 rows in 1 file(s), scored by v1")

    checked = shotclock("check", "shots")
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (0, "alerts: drift, degradation, new_records")


def test_an_alert_ends_the_check_with_4_only_where_that_was_asked_for(at, shotclock):
    at("alerted")
    found = shotclock("check", "shots", "--fail-on-alert")
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (4, "alerts: drift, degradation, new_records")
    at("rested")
    assert shotclock("check", "shots", "--fail-on-alert").exit_code == 0


@pytest.fixture
def terminal(monkeypatch):
    """Both outputs are a terminal; a function that gives what was told of the work in progress."""
    seen = []
    monkeypatch.setattr(progress, "_on_a_terminal", lambda: True)
    tell = progress.Watch.progress
    monkeypatch.setattr(progress.Watch, "progress", lambda self, *told: (seen.append(told), tell(self, *told)))
    return lambda: seen


def test_on_a_terminal_a_bar_follows_the_candidates_and_the_rows(at, shotclock, terminal):
    at("empty")
    assert shotclock("train", "shots").exit_code == 0
    trained = [("train decision_tree", 0, 2), ("train logistic_regression", 1, 2), ("train", 2, 2)]
    assert terminal() == [("compare", 0, 1), *trained]
    assert shotclock("score", "shots").exit_code == 0
    assert terminal()[-1] == ("score dataset_kobe_prod.parquet", 6_426, 6_426)


@pytest.mark.parametrize(("seen", "arguments"), [(False, ()), (True, ("--json",))])
def test_in_a_pipe_and_for_json_there_is_no_bar(at, shotclock, monkeypatch, seen, arguments):
    at("trained")
    monkeypatch.setattr(progress, "_on_a_terminal", lambda: seen)
    monkeypatch.setattr("rich.progress.Progress.start", lambda _: pytest.fail("there is a bar"))
    found = shotclock("score", "shots", *arguments)
    assert found.exit_code == 0
    assert "\x1b" not in found.output


def test_a_refusal_of_a_flow_is_one_message_and_exit_code_3(at, shotclock):
    at("empty")
    found = shotclock("score", "shots")
    assert found.exit_code == 3
    assert found.stderr.strip() == "error: project 'shots' has no champion yet; trigger shots.training first"


def test_json_is_all_that_stands_on_standard_output(at, shotclock):
    at("alerted")
    found = shotclock("check", "shots", "--json")
    result = json.loads(found.stdout)
    assert result["drift_check"]["verdict"] == "alert"
    assert result["drift"]["fires"] is True
    assert found.stderr.startswith("drift_check")


def test_a_retraining_that_keeps_the_champion_says_so_and_is_no_error(at, shotclock):
    at("rested")
    found = shotclock("retrain", "shots", "--reason", "to see whether [old] rows help")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1].startswith("keep: ")
    (newest, *_) = json.loads(shotclock("history", "shots", "--json").stdout)
    assert (newest["outcome"], newest["champion"]) == ("keep", "2")
    assert newest["started_because"] == "to see whether [old] rows help"
