"""DAGs in an Airflow of the tests' own: a database in a temporary home, no scheduler, tasks run one after the other.

Airflow reads its surroundings when it is first imported, so they are set here, and tests import it in their bodies.
"""

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]

assert "airflow.settings" not in sys.modules, "a test module imports Airflow before its home is known"
_HOME = tempfile.mkdtemp(prefix="airflow-of-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "1",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
}


@pytest.fixture(scope="session")
def _airflow(airflow_tables) -> None:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.utils.db import initdb

    if not airflow_tables(Path(_HOME) / "airflow.db"):
        initdb()
    DagBundlesManager().sync_bundles_to_db()
    sys.path.append(str(ROOT / "plugins"))  # as Airflow does it in each of its processes


@pytest.fixture
def bag(_airflow, monkeypatch):
    """`bag()`: what Airflow finds in `dags/`, or in a folder of the test's own, with the projects at hand."""
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.syspath_prepend(str(ROOT / "dags"))
    return lambda folder=ROOT / "dags": DagBag(str(folder), bundle_path=Path(folder), bundle_name="dags-folder")


@pytest.fixture
def projects(tmp_path, monkeypatch) -> Path:
    """A folder of project files with `kobe_shots` in it, which is the one that the DAG files read."""
    folder = tmp_path / "projects"
    folder.mkdir()
    shutil.copy(ROOT / "include" / "projects" / "kobe_shots.yaml", folder)
    (folder / "court").symlink_to(ROOT / "include" / "projects" / "court")
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", str(folder))
    return folder


@pytest.fixture
def add_project(projects):
    """`add_project("second")`: another project file, the first one's with some text replaced."""

    def add(name: str, old: str = "", new: str = "") -> Path:
        text = (projects / "kobe_shots.yaml").read_text("utf-8").replace("name: kobe_shots\n", f"name: {name}\n")
        assert old in text
        (projects / f"{name}.yaml").write_text(text.replace(old, new) if old else text, "utf-8")
        return projects / f"{name}.yaml"

    return add


@dataclass(frozen=True)
class Ran:
    """A run that has ended, and what stands in Airflow's database about it."""

    run: Any

    @property
    def id(self) -> str:
        return str(self.run.run_id)

    @property
    def state(self) -> str:
        return str(self.run.state)

    @property
    def states(self) -> dict[str, str]:
        """The state of each task; a mapped one by `task[name]`."""
        return {_label(ti): str(ti.state) for ti in self._instances()}

    def xcom(self, task: str, key: str = "return_value") -> Any:
        """What a task left, None if nothing; of a mapped task a list."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        own = (XComModel.dag_id == self.run.dag_id, XComModel.run_id == self.id)
        left = select(XComModel).where(*own, XComModel.task_id == task, XComModel.key == key)
        with create_session() as session:
            values = [XComModel.deserialize_value(row) for row in session.scalars(left.order_by(XComModel.map_index))]
        mapped = any(ti.task_id == task and ti.map_index >= 0 for ti in self._instances())
        return values if mapped else (values or [None])[0]

    def events(self) -> dict[str, dict[str, Any]]:
        """The `extra` of each asset event that the run emitted, by the asset's name."""
        from airflow.models.asset import AssetEvent
        from airflow.utils.session import create_session
        from sqlalchemy import select

        mine = select(AssetEvent).where(
            AssetEvent.source_run_id == self.id, AssetEvent.source_dag_id == self.run.dag_id
        )
        with create_session() as session:
            return {event.asset.name: dict(event.extra) for event in session.scalars(mine)}

    def _instances(self) -> list[Any]:
        return list(self.run.get_task_instances())


def _label(ti: Any) -> str:
    return ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.rendered_map_index or ti.map_index}]"


@pytest.fixture
def run(bag):
    """`run("training", seed=7)`: one run of a DAG of the project `shots`, started by hand; gives a `Ran`.

    `by="scheduled"` or `by="asset_triggered"` make it look started so; `events` are those that it then answers.
    `user` is who started it by hand. `moment` names the run: the same one again is the same run, cleared and run again.
    """

    def start(flow: str, *, by: str = "manual", user=None, events=(), moment=None, dag=None, **params) -> Ran:
        dag = dag or bag().dags[f"shots.{flow}"]
        options = {"logical_date": moment, "run_after": moment} if moment else {}
        with _started(by, events, user):
            return Ran(dag.test(run_conf=params, **options))

    return start


@contextmanager
def _started(by: str, events, user):
    """`dag.test()` only knows runs by hand that start when they are due: this changes what it made, before any task runs."""
    from airflow.models import dagrun

    def made(**options):
        session, run = options["session"], dagrun_made(**options)
        run.run_type, run.start_date = by, datetime.now(UTC)
        run.triggering_user_name = user
        run.consumed_asset_events = list(_events(session, events))
        session.commit()
        return run

    dagrun_made = dagrun.get_or_create_dagrun
    with mock.patch.object(dagrun, "get_or_create_dagrun", made):
        yield


def _events(session, names):
    from airflow.models.asset import AssetEvent, AssetModel
    from sqlalchemy import select

    for name in names:
        newest = select(AssetEvent).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        yield session.scalars(newest.where(AssetModel.name == name).order_by(AssetEvent.id.desc())).first()
