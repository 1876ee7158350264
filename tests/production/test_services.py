"""Every service of docker-compose.yaml, started by its own command with its own environment, until it is healthy by its own check;
then the whole loop on two Celery workers, disturbed and undisturbed.
"""

import pyarrow.parquet as pq
import pytest
from loop import Loop, Outcome

ALERTS = [("degradation", "1"), ("drift", "1"), ("new_records", "1")]


@pytest.fixture(scope="module")
def undisturbed(stack: Loop) -> Outcome:
    """One training of the project as it ships, triggered by the first user, until the loop is at rest."""
    stack.parsed("kobe_shots")
    follower = stack.follower("kobe_shots")
    stack.trigger("kobe_shots.training")
    stack.rest(follower)
    return stack.outcome("kobe_shots")


def test_the_loop_on_two_workers_ends_with_the_second_champion_and_no_open_alert(
    stack: Loop, undisturbed: Outcome
) -> None:
    assert (undisturbed.champion, undisturbed.previous, undisturbed.promotions) == ("2", "1", 2)
    assert undisturbed.alerts == ALERTS
    assert undisturbed.unanswered == []
    shown = pq.read_table(stack.predictions("kobe_shots"))
    assert (shown.num_rows, set(shown["model_version"].to_pylist())) == (6426, {"2"})
    ran_on = {ti["hostname"] for flow in ("training", "retraining") for ti in stack.tasks(f"kobe_shots.{flow}")}
    assert {"worker-1", "worker-2"} <= ran_on
