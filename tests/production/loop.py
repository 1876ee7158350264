"""What the tests ask of the running services: start a flow, wait until all is at rest, and say what has come of it."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml
from compose import ROOT
from engine import PATIENCE, Engine, eventually
from mlflow import MlflowClient

from shotclock import config
from shotclock.config import settings
from shotclock.judging.alerts import unanswered
from shotclock.store import history
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry
from shotclock_launcher.following.api import Api, ApiError
from shotclock_launcher.following.follow import Follower
from shotclock_launcher.running.credentials import Login

FLOWS = ("training", "inference", "monitoring", "retraining", "rollback")
ACTIVE = ("queued", "running")
COURSE = ("queued", "running", "success")  # of a task that nothing happens to
PREDICTIONS = "resultado_pipeline.parquet"


@dataclass(frozen=True)
class Outcome:
    """What must be the same however often the services were killed on the way."""

    champion: str
    previous: str
    versions: list[str]
    predictions: str  # sha256 of the published file
    promotions: int
    alerts: list[tuple[str, str]]  # kind, and the champion that it was about
    answered_twice: list[str]  # which decision answers an alert is a matter of seconds, but it is one
    unanswered: list[str]
    keys: list[str]  # steps that stand in MLflow more than once


class Flows:
    """The flows as one who is logged in as the first user sees them, wherever they run."""

    def __init__(self, address: str, settings: dict[str, str]) -> None:
        self.address, self.settings = address, settings
        self.api = self.login("admin", settings["AIRFLOW_ADMIN_PASSWORD"])

    def login(self, user: str, password: str) -> Api:
        return Api(self.address, Login(user, password))

    def wait(self, what: str, holds: Callable[[], Any], seconds: float = PATIENCE, between: float = 0.3) -> Any:
        """Until `holds` gives something true; an API server that does not answer has not given anything."""

        def answered() -> Any:
            try:
                return holds()
            except ApiError as error:
                if not error.may_pass:
                    raise
                return None

        return eventually(what, answered, seconds, between)

    def parsed(self, project: str) -> None:
        """Wait for the project's DAGs and for the schedule's first look, which finds no champion and ends at once."""
        looked = lambda: set(self._states(f"{project}.retraining")) == {"success"}  # noqa: E731
        names = {f"{project}.{flow}" for flow in FLOWS}
        known = lambda: names <= {dag["dag_id"] for dag in self.api.listed("/dags", "dags", exclude_stale=True)}  # noqa: E731
        self.wait("the DAGs", known)
        self.wait("the schedule's first look", looked)

    def trigger(self, dag: str, **parameters: Any) -> str:
        return self.api.trigger(dag, **parameters)

    def pause(self, dag: str) -> None:
        self.api.patch(f"/dags/{dag}", {"is_paused": True})

    def follower(self, project: str) -> Follower:
        return Follower(self.api, [f"{project}.{flow}" for flow in FLOWS])

    def rest(self, follower: Follower, watch: Callable[[], None] | None = None) -> dict[tuple[str, str], str]:
        """Wait, and `watch` meanwhile, until no run is active and none can come; gives the state of each that was followed."""

        def resting() -> Any:
            if watch:
                watch()
            runs = {key: run.state for key, run in follower.news()[0].items()}
            assert "failed" not in runs.values(), f"{runs}\n{self.failures()}"
            idle = runs and not any(state in ACTIVE for state in runs.values())
            return runs if idle and follower.at_rest() else None

        # who answers is the API server that the tasks need too, on the same cores: often only for who watches
        return self.wait("the loop to come to rest", resting, between=0.3 if watch else 1.0)

    def failures(self) -> str:
        """The log's end of every task that has failed."""
        found = self.api.listed("/dags/~/dagRuns/~/taskInstances", "task_instances", state="failed")
        return "\n".join(f"{ti['dag_id']} {ti['task_id']}: {self.log(ti)[-3000:]}" for ti in found)

    def log(self, ti: dict[str, Any]) -> str:
        place = f"/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}"
        found = self.api.get(f"{place}/logs/{ti['try_number']}", map_index=ti["map_index"], full_content="true")
        return "\n".join(str(line.get("event", line)) for line in found["content"])

    def tasks(self, dag: str) -> list[dict[str, Any]]:
        return list(self.api.listed(f"/dags/{dag}/dagRuns/~/taskInstances", "task_instances"))

    def caught(self, dag: str, task: str, when: str = "running") -> dict[str, Any]:
        """The task in the state `when`, or as soon after that as it can be caught."""
        states = COURSE[COURSE.index(when) :]

        def seen() -> dict[str, Any] | None:
            return next((ti for ti in self.tasks(dag) if ti["task_id"] == task and ti["state"] in states), None)

        quick = 0.02 if when == "queued" else 0.2  # a task is queued for some hundredths of a second
        return self.wait(f"{dag} {task}", seen, between=quick)

    def _states(self, dag: str) -> list[str]:
        return [run["state"] for run in self.api.listed(f"/dags/{dag}/dagRuns", "dag_runs")]


class Loop(Flows):
    """The services that the tests run without a container engine, and what stands in their store."""

    def __init__(self, engine: Engine, settings: dict[str, str], patch: Any) -> None:
        super().__init__("http://api-server:8080/airflow", settings)
        self.engine = engine
        inside = engine.services["worker"].environment
        for name in (
            "SHOTCLOCK_ARTIFACTS",
            *(name for name in inside if name.startswith(("AWS_", "MLFLOW_TRACKING_"))),
        ):
            patch.setenv(name, inside[name])
        projects = next(
            source for source, target, _ in engine.services["worker"].volumes if target.endswith("projects")
        )
        patch.setenv("SHOTCLOCK_PROJECTS", projects)
        config.project.cache_clear()

    def redis(self, *command: str) -> int:
        """What Redis answers. Messages are in the list `default`; those that workers have taken, in the hash `unacked`."""
        known = ["env", f"REDISCLI_AUTH={self.settings['REDIS_PASSWORD']}", "redis-cli"]
        return int(self.engine.execute("redis-1", *known, *command).stdout)

    def requeued(self, dag: str) -> list[dict[str, Any]]:
        """The scheduler's notes on tasks that it has queued once more, because nobody began them."""
        return list(self.api.listed("/eventLogs", "event_logs", event="stuck in queued reschedule", dag_id=dag))

    def predictions(self, project: str) -> Path:
        return self.engine.volume("data") / project / "predictions" / PREDICTIONS

    @staticmethod
    def sha256(folder: Path) -> str:
        """Of the predictions that are published there."""
        return hashlib.sha256((folder / PREDICTIONS).read_bytes()).hexdigest()

    def outcome(self, project: str) -> Outcome:
        alerts, decisions = history.alerts(project), history.decisions(project)
        answers = Counter(alert for done in decisions for alert in done.answers)
        champion = registry.champion(project).number
        experiment = experiment_id(project)
        mlflow = MlflowClient(settings().tracking_uri)
        runs = mlflow.search_runs([experiment], max_results=1000)
        keys = Counter(run.data.tags["shotclock.key"] for run in runs if "shotclock.key" in run.data.tags)
        return Outcome(
            champion=champion,
            previous=registry.by_alias(project, registry.PREVIOUS).number,
            versions=sorted(v.version for v in mlflow.search_model_versions(f"name = '{project}'")),
            predictions=self.sha256(self.predictions(project).parent),
            promotions=sum(done.outcome == "promote" for done in decisions),
            alerts=sorted((alert.kind, alert.champion) for alert in alerts),
            answered_twice=[alert for alert, count in answers.items() if count > 1],
            unanswered=[alert.id for alert in unanswered(alerts, decisions, champion)],
            keys=sorted(key for key, count in keys.items() if count > 1),
        )

    def everything_written(self) -> Iterator[tuple[str, str, bytes]]:
        """What the loop has left for people to read: the kind of place, its name, its content."""
        for file in (self.engine.folder / "log").iterdir():
            yield "service log", file.name, file.read_bytes()
        store = boto3.Session().client("s3")  # other tests may have made the default one
        for page in store.get_paginator("list_objects_v2").paginate(Bucket="shotclock"):
            for entry in page.get("Contents", []):
                kind = "task log" if entry["Key"].startswith("task-logs/") else "artefact"
                yield kind, entry["Key"], store.get_object(Bucket="shotclock", Key=entry["Key"])["Body"].read()
        for database, kinds in TABLES.items():
            for kind, tables in kinds.items():
                for table in tables:
                    yield kind, table, self._dump(database, table)

    def _dump(self, database: str, table: str) -> bytes:
        dump = ["pg_dump", "--host", "localhost", "--username", "postgres", "--data-only", f"--table={table}", database]
        done = self.engine.execute("postgres-1", "env", f"PGPASSWORD={self.settings['POSTGRES_PASSWORD']}", *dump)
        assert done.returncode == 0, done.stderr
        return done.stdout.encode()


TABLES = {
    "airflow": {"rendered template": ["rendered_task_instance_fields"], "XCom": ["xcom"], "audit": ["log"]},
    "mlflow": {"MLflow": ["runs", "params", "tags", "inputs", "datasets", "model_versions", "model_version_tags"]},
}


def copies(folder: Path, names: tuple[str, ...]) -> Path:
    """A folder of project files: the one that ships, and the same under other names."""
    projects = folder / "projects"
    projects.mkdir()
    shutil.copytree(ROOT / "include" / "projects" / "court", projects / "court")  # links lead nowhere in a container
    text = (ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8")
    for name in ("kobe_shots", *names):
        (projects / f"{name}.yaml").write_text(text.replace("name: kobe_shots\n", f"name: {name}\n"), "utf-8")
    rules = yaml.safe_load((projects / "raced.yaml").read_text("utf-8"))
    rules["training"] |= {"backend": "scikit-learn", "candidates": ["decision_tree"], "iterations": 2, "folds": 2}
    (projects / "raced.yaml").write_text(yaml.safe_dump(rules, sort_keys=False), "utf-8")
    return projects


def kill(loop: Loop, dag: str, task: str, service: str, when: str = "running") -> str:
    """Kill a service while the task is in the state `when`, or as soon after that as it can be caught; gives its state then.

    A worker is the one that the task runs on, or the first, since of a task that is still queued nobody knows who takes it.
    PostgreSQL and Redis come back ten seconds later, others at once.
    """
    at = loop.caught(dag, task, when)
    name = f"{service}-1"
    if service == "worker" and at["state"] != "queued":
        name = at["hostname"]
    loop.engine.kill(name, down=10.0 if service in ("postgres", "redis") else 0.0)
    return str(at["state"])
