"""A task's supervisor waits for the end of a process that has hung up, and asks in passing otherwise."""

import os
import time
from types import SimpleNamespace

import psutil
import pytest
from airflow.sdk.execution_time.supervisor import PsutilTracker, WatchedSubprocess

from shotclock_airflow import reaping


@pytest.fixture
def patient(monkeypatch):
    """Airflow's own question, as a scheduler's tasks ask it."""
    monkeypatch.setattr(WatchedSubprocess, "_check_subprocess_exit", WatchedSubprocess._check_subprocess_exit)
    reaping.reap_at_once()
    return WatchedSubprocess._check_subprocess_exit


@pytest.fixture
def process():
    """A process that ends a moment from now."""
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        os._exit(0)
    tracker = PsutilTracker(psutil.Process(pid))
    yield tracker
    tracker.wait(5)


def supervised(process, sockets):
    return SimpleNamespace(_exit_code=None, _open_sockets=sockets, _process=process)


def test_airflow_by_itself_takes_a_process_that_has_hung_up_for_one_at_work(process):
    assert WatchedSubprocess._check_subprocess_exit(supervised(process, {})) is None


def test_the_end_of_a_process_that_has_hung_up_is_waited_for(patient, process):
    assert patient(supervised(process, {})) == 0


def test_a_process_that_can_still_speak_is_not_waited_for(patient, process):
    assert patient(supervised(process, {"a socket": "stdout"})) is None


def test_one_that_hung_up_and_goes_on_is_asked_again_later(patient, process, monkeypatch):
    monkeypatch.setattr(reaping, "PATIENCE", 0.001)
    assert patient(supervised(process, {})) is None


def test_what_is_known_is_not_asked_again(patient):
    assert patient(SimpleNamespace(_exit_code=3, _open_sockets={}, _process=None)) == 3
