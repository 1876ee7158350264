"""How long the Model health pages take on a large store: by default 50 projects with 200 windows each.

    python -m benchmarks.pages

Trains, scores, checks and retrains one project on the real rows with scikit-learn, and then copies its MLflow runs, with
other times, windows and figures, to as many projects as were asked for. Then Airflow's API server is started on them and
asked for the pages. The files are removed afterwards.
"""

import argparse
import os
import random
import re
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from benchmarks.chain import free_port
from shotclock.config import project, settings
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials
from shotclock_launcher.running.environment import airflow_environment
from shotclock_launcher.running.preparation import prepare
from shotclock_launcher.running.services import airflow_services
from shotclock_launcher.running.stack import Stack

TEMPLATE = "template"
DAY = 86_400_000  # milliseconds, as MLflow counts
FLOWS = {"batch": "inference", "application": "inference", "drift": "monitoring", "performance": "monitoring"}
EVERY = 20  # windows from one retraining to the next
TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")
TIMES = 7
ID_STEP = 10_000_000  # between the ids of two windows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=50)
    parser.add_argument("--windows", type=int, default=200, help="of each project")
    parser.add_argument("--folder", type=Path, help="where the store is made, and kept, instead of a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pages-") as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "mlflow.db").exists():
            train_template(folder)
            write_weeks(folder, options.windows)
            copies(folder, options.projects, options.windows)
        point(folder)
        (folder / "projects" / f"{TEMPLATE}.yaml").unlink(missing_ok=True)
        measure(folder)


def point(folder: Path) -> None:
    """Name the folder to this process."""
    os.environ |= {
        "SHOTCLOCK_PROJECTS": str(folder / "projects"),
        "SHOTCLOCK_DATA_DIR": str(settings().data_source or settings().data / "raw"),
        "SHOTCLOCK_DATA": str(folder / "data"),
        "SHOTCLOCK_ARTIFACTS": str(folder / "artifacts"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }


def train_template(folder: Path) -> None:
    """One project after a training, an alert, a retraining and a check of what came out of it."""
    write_project(folder, TEMPLATE)
    point(folder)
    from shotclock import flows
    from shotclock.store.server import database

    database.prepare_store()
    for flow in (flows.train, flows.score, flows.check, flows.retrain):
        flow(TEMPLATE, "first")
    for flow in (flows.score, flows.check):
        flow(TEMPLATE, "second")


def write_project(folder: Path, name: str) -> None:
    content = project("kobe_shots", Path(__file__).parents[1] / "include" / "projects").model_dump(mode="json")
    content |= {
        "name": name,
        "title": name,
        "demonstration": None,
        "training": {**content["training"], "backend": "scikit-learn", "iterations": 1},
    }
    (folder / "projects").mkdir(parents=True, exist_ok=True)
    (folder / "projects" / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def write_weeks(folder: Path, windows: int) -> None:
    """Predictions of each window, which all projects share: the template's, with ids and a day of their own."""
    rows = pq.read_table(folder / "data" / TEMPLATE / "predictions" / "resultado_pipeline.parquet")
    columns = project(TEMPLATE).columns
    ids, times = (rows.schema.get_field_index(name) for name in (columns.id, columns.time))
    today = date.today()
    for number in range(windows):
        day = pa.repeat(str(today - timedelta(days=windows - number)), rows.num_rows)
        moved = rows.set_column(ids, columns.id, pc.add(rows[columns.id], (number + 1) * ID_STEP))
        moved = moved.set_column(times, columns.time, day.cast(rows[columns.time].type))
        week(folder, number).parent.mkdir(exist_ok=True)
        pq.write_table(moved, week(folder, number))


def week(folder: Path, number: int) -> Path:
    return folder / "weeks" / f"week_{number + 1:03d}.parquet"


def copies(folder: Path, projects: int, windows: int) -> None:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        source = Source(database, folder)
        for number in range(projects):
            name = f"project_{number:02d}"
            write_project(folder, name)
            source.project(name, windows, random.Random(number))
        database.execute("analyze")


class Source:
    """The template's rows of MLflow's tables, by the kind of their run."""

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self.database, self.folder = database, folder
        kinds = database.execute("select run_uuid, value from tags where key = 'shotclock.kind' order by rowid")
        self.runs: dict[str, list[str]] = {}
        for run, kind in kinds:
            self.runs.setdefault(kind, []).append(run)
        self.known = {
            run: {table: self._of(table, run) for table in TABLES} for runs in self.runs.values() for run in runs
        }

    def _of(self, table: str, run: str) -> list[dict[str, Any]]:
        found = self.database.execute(f"select * from {table} where run_uuid = ?", (run,))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def project(self, name: str, windows: int, chance: random.Random) -> None:
        """A project with a day between its windows and a retraining now and then."""
        experiment = self.insert("experiments", self.experiment(name))
        begin, champion = int(time.time() * 1000) - windows * DAY, 1
        self.model(name, 1 + windows // EVERY)
        self.decide(experiment, name, begin - 1000, champion, "first")
        for number in range(windows):
            at, window, run = begin + number * DAY, f"{number:016x}", f"w{number}"
            tags = {"champion": champion, "window": window, "batch": number + 1, "number": number + 1}
            tags |= {"batches": week(self.folder, number).name, "predictions": week(self.folder, number)}
            bad = number % EVERY == EVERY // 2
            for kind in ("batch", "application", "drift", "performance"):
                self.copy(experiment, name, kind, at, run, tags, chance, which=0 if bad else -1)
            if bad:
                for which in (0, 1):
                    self.copy(experiment, name, "alert", at + 1000, run, tags, which=which)
                champion += 1
                self.decide(experiment, name, at + 60_000, champion, f"r{number}")

    def decide(self, experiment: int, name: str, at: int, champion: int, run: str) -> None:
        for kind in ("retraining", "training", "gate", "decision"):
            self.copy(experiment, name, kind, at, run, {"after": champion, "before": champion - 1, "answers": ""})
        for _ in range(5):
            self.copy(experiment, name, "candidate", at, run, {})

    def copy(  # noqa: PLR0913, PLR0917 (one run of MLflow)
        self,
        experiment: int,
        name: str,
        kind: str,
        at: int,
        run: str,
        tags: dict[str, Any],
        chance: random.Random | None = None,
        which: int = -1,
    ) -> None:
        """Copy one run of a kind, by default the newest, with other tags and, by chance, other figures."""
        new, known = uuid.uuid4().hex, self.known[self.runs[kind][which]]
        changed = {f"shotclock.{key}": str(value) for key, value in tags.items()}
        changed |= {
            "shotclock.key": new,
            "airflow.dag_id": f"{name}.{FLOWS.get(kind, 'retraining')}",
            "shotclock.project": name,
            "airflow.run_id": run,
        }
        for row in known["runs"]:
            self.insert(
                "runs", row | {"run_uuid": new, "experiment_id": experiment, "start_time": at, "end_time": at + 500}
            )
        for row in known["tags"]:
            self.insert("tags", row | {"run_uuid": new, "value": changed.get(row["key"], row["value"])})
        for row in known["params"]:
            self.insert("params", row | {"run_uuid": new})
        for table in ("metrics", "latest_metrics"):
            for row in known[table]:
                moved = chance.uniform(-0.01, 0.01) if chance and row["value"] < 0.5 and row["value"] % 1 else 0.0
                self.insert(table, row | {"run_uuid": new, "value": row["value"] + moved})

    def insert(self, table: str, row: dict[str, Any]) -> int:
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        done = self.database.execute(f"insert into {table} ({columns}) values ({marks})", tuple(row.values()))
        return int(done.lastrowid or 0)

    def experiment(self, name: str) -> dict[str, Any]:
        found = self.database.execute("select * from experiments where name = ?", (TEMPLATE,))
        names = [column[0] for column in found.description]
        row = dict(zip(names, found.fetchone(), strict=True))
        del row["experiment_id"]
        return row | {"name": name}

    def model(self, name: str, versions: int) -> None:
        for table in ("registered_models", "registered_model_aliases"):
            for row in self._named(table):
                self.insert(table, row | {"name": name} | ({"version": versions} if "alias" in row else {}))
        for table in ("model_versions", "model_version_tags"):
            first = [row for row in self._named(table) if row["version"] == 1]
            for version in range(1, versions + 1):
                for row in first:
                    self.insert(table, row | {"name": name, "version": version})

    def _named(self, table: str) -> list[dict[str, Any]]:
        found = self.database.execute(f"select * from {table} where name = ?", (TEMPLATE,))
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return [row for row in rows if row.get("alias") != "previous"]


def measure(folder: Path) -> None:
    """Times of the pages, asked of Airflow's own API server over HTTP, from the request to the last byte."""
    names = sorted(path.stem for path in settings().projects.glob("*.yaml"))
    print(f"{len(names)} projects\n{'page':30} {'seconds':>8} {'KB':>6}")
    with serving(folder) as pages:
        show("overview, the first time", pages, ["/shotclock/health"])
        show("overview, again", pages, ["/shotclock/health"] * TIMES)
        show("one project", pages, [f"/shotclock/health/{name}" for name in names[:TIMES]])
        leads = pages.get(f"/shotclock/health/{names[0]}").text
        for kind in ("alerts", "windows", "gates", "versions", "years", "decisions", "cards", "report"):
            found = re.search(rf'"(/shotclock/health/{names[0]}/{kind}/[^"]+)"', leads)
            show(f"{kind}, the first time", pages, [found[1]] if found else [])


@contextmanager
def serving(folder: Path) -> Iterator[httpx.Client]:
    """Airflow's API server alone, and a client that is logged in."""
    layout = Layout.of(os.environ | {"SHOTCLOCK_HOME": str(folder), "SHOTCLOCK_PORT": str(free_port())})
    layout.make_folders()
    env = airflow_environment(layout, credentials.keys(layout.airflow))
    stack = Stack(layout, uuid.uuid4().hex, credentials.login(layout.airflow), env)
    try:
        prepare(layout, stack.spawn)
        stack.start([service for service in airflow_services() if service.name == "api-server"])
        with httpx.Client(base_url=layout.address, timeout=60) as client:
            while not answers(client):
                stack.check()
                time.sleep(0.2)
            login = {"username": stack.login.user, "password": stack.login.password}
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client
    finally:
        stack.end()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v2/monitor/health").is_success
    except httpx.TransportError:
        return False


def show(what: str, pages: httpx.Client, addresses: list[str]) -> None:
    """The median time of some requests."""
    if not addresses:
        return
    seconds, size = [], 0
    for address in addresses:
        start = time.perf_counter()
        size = len(pages.get(address).raise_for_status().content)
        seconds.append(time.perf_counter() - start)
    print(f"{what:30} {statistics.median(seconds):8.2f} {size / 1000:6.0f}", flush=True)


if __name__ == "__main__":
    main()
