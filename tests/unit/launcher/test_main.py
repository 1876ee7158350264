"""The command line of the launcher: what its commands are given, and how they end."""

import pytest
from typer.testing import CliRunner

from shotclock.errors import ShotclockError
from shotclock_launcher.__main__ import app
from shotclock_launcher.commands import demo as demo_
from shotclock_launcher.commands import up as up_
from shotclock_launcher.running.signals import Stopped


def launcher(*arguments):
    return CliRunner().invoke(app, arguments)


def raising(error):
    def fail(*_):
        raise error

    return fail


def test_a_command_is_told_what_was_asked_for(monkeypatch):
    monkeypatch.setenv("SHOTCLOCK_PATIENCE", "7")
    asked = []
    monkeypatch.setattr(demo_, "demo", lambda _, *what: not asked.append(what))
    assert launcher("demo", "--project", "late_flights").exit_code == 0
    assert launcher("demo", "--patience", "5").exit_code == 0
    assert asked == [("late_flights", 7.0), ("kobe_shots", 5.0)]


def test_where_there_is_no_project_the_folder_and_what_makes_one_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", str(tmp_path))
    done = launcher("demo")
    assert (done.exit_code, done.stdout) == (
        1,
        f"\n{tmp_path}: found no project file, expected *.yaml; make one: shotclock init\n",
    )


def test_a_chain_that_did_not_succeed_ends_with_1(monkeypatch):
    monkeypatch.setattr(demo_, "demo", lambda *_: False)
    assert launcher("demo").exit_code == 1


def test_an_error_raised_on_purpose_is_one_message_and_ends_with_1(monkeypatch):
    monkeypatch.setattr(demo_, "demo", raising(ShotclockError("port 8080 is in use")))
    done = launcher("demo")
    assert (done.exit_code, done.stdout) == (1, "\nport 8080 is in use\n")


def test_who_stops_what_runs_until_it_is_stopped_has_done_nothing_wrong(monkeypatch):
    monkeypatch.setattr(up_, "up", raising(Stopped("SIGINT")))
    monkeypatch.setattr(demo_, "demo", raising(Stopped("SIGINT")))
    assert launcher("up").exit_code == 0
    assert launcher("demo").exit_code == 130
    assert "stopped (SIGINT)" in launcher("demo").stdout


@pytest.mark.parametrize("arguments", [[], ["fly"], ["demo", "--patience", "long"], ["up", "now"]])
def test_what_is_not_understood_ends_with_2(arguments):
    assert launcher(*arguments).exit_code == 2
