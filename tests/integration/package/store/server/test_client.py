"""A project's experiment: one, made when it is first written to, with its files where the settings say."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from shotclock.config import settings
from shotclock.store import queries, records
from shotclock.store.server.client import experiment_id, experiments


def test_a_project_asked_for_by_many_at_once_has_one_experiment(store):
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: experiment_id("shots"), range(6)))
    assert len(found) == 1


def test_artifacts_lie_where_the_settings_say(store):
    found = store.get_experiment(experiment_id("shots"))
    assert found.artifact_location == f"file://{settings().artifacts}/shots"


def test_the_experiment_says_what_stands_in_it_and_opens_on_the_view_of_models(store):
    tags = store.get_experiment(experiment_id("shots")).tags
    assert "What happened to the project `shots`" in tags["mlflow.note.content"]
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_asking_about_a_project_makes_no_experiment(store):
    queries.newest_of(["unknown"], records.Drift, each=1)
    queries.ended_since(["unknown"], datetime.now(UTC))
    assert list(queries.traces("unknown")) == []
    assert experiments(["unknown"]) == {}
