"""The identity of a run."""

from dataclasses import asdict

import pytest

from shotclock.store.run import Run

RUN = Run("shots", "training", "manual__2026-01-01T00:00:00+00:00", "manual")


def test_a_second_try_has_the_same_key():
    assert RUN.key("gate") == Run(**asdict(RUN)).key("gate") == f"shots/training/{RUN.id}/gate"


@pytest.mark.parametrize("changed", [{"project": "hits"}, {"flow": "retraining"}, {"id": "x"}])
def test_another_run_has_another_key(changed):
    assert Run(**asdict(RUN) | changed).key("gate") != RUN.key("gate")


def test_why_a_run_was_started_does_not_change_its_key():
    assert Run(**asdict(RUN) | {"cause": "shots/drift_alert"}).key("gate") == RUN.key("gate")


def test_every_step_of_a_run_has_a_key_of_its_own():
    assert RUN.key("gate") != RUN.key("decision")
