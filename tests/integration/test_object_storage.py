"""The whole loop with data and artefacts in an object store, beside the same loop on a disk, and once more by Airflow."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.config import settings
from shotclock.files import dataset, storage
from shotclock.handoff import to_wire
from shotclock.projects import prune
from shotclock.steps import inference
from shotclock.store import history
from shotclock.store.server import database
from shotclock.store.versions import registry
from shotclock_launcher.commands.demo import chain
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.stack import running

PAGES = (
    "model_card.html",
    "challenger_card.html",
    "decision.html",
)  # they name MLflow's runs and the hour, which each loop has of its own
LOOP = (("train", "t1"), ("score", "s1"), ("check", "m1"), ("retrain", "r1"), ("score", "s2"), ("check", "m2"))
MLFLOW_ID = re.compile("[0-9a-f]{32}")


@pytest.fixture(scope="module")
def ways(tmp_path_factory, _object_store, dev_path, prod_path):
    """What each step of the loop gave, and what was left, on the disk and in the store."""
    bucket = _object_store.bucket()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _object_store.environment.items():
            patch.setenv(name, value)
        patch.setenv("SHOTCLOCK_DATA_DIR", str(dev_path.parent))
        yield {
            "disk": _loop(tmp_path_factory.mktemp("disk"), patch, {}),
            "s3": _loop(
                tmp_path_factory.mktemp("s3"),
                patch,
                {"SHOTCLOCK_DATA": f"s3://{bucket}/deep/data", "SHOTCLOCK_ARTIFACTS": f"s3://{bucket}/artifacts"},
            ),
        }
    config.project.cache_clear()


@pytest.fixture(scope="module")
def by_airflow(ways, tmp_path_factory, free_tcp_port_factory, _object_store, dev_path, prod_path):
    """One trigger in an Airflow all of whose addresses are in the store, raw files too, with the production file cut."""
    home, bucket = tmp_path_factory.mktemp("airflow"), _object_store.bucket()
    pq.write_table(pq.read_table(prod_path), home / "cut.parquet", row_group_size=1000)
    for file, key in ((dev_path, "raw/dev.parquet"), (home / "cut.parquet", "raw/cut.parquet")):
        _object_store.client().upload_file(str(file), bucket, key)
    (home / "cut.parquet").unlink()
    (home / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AIRFLOW_HOME", "SHOTCLOCK_DATA_DIR"):
            patch.delenv(name, raising=False)
        addresses = {"SHOTCLOCK_DATA": f"s3://{bucket}/data", "SHOTCLOCK_ARTIFACTS": f"s3://{bucket}/artifacts"}
        surroundings = {"SHOTCLOCK_PORT": str(free_tcp_port_factory()), "TMPDIR": str(home / "tmp")}
        raw = {"training": f"s3://{bucket}/raw/dev.parquet", "production": f"s3://{bucket}/raw/cut.parquet"}
        _settle(home, patch, addresses | surroundings, data=raw, scoring={"partition_rows": 3000})
        with running(Layout.of()) as stack:
            outcome, _ = chain(stack, "shots")
        yield {"outcome": outcome, "home": home, "keys": _object_store.keys(bucket), "rows": _rows(), **_left()}
    config.project.cache_clear()


def _settle(home: Path, patch: pytest.MonkeyPatch, environment: dict[str, str], **changes: dict) -> None:
    """Lay a small project out in `home`, and set the environment that shows it."""
    shipped = Path(__file__).parents[2] / "include" / "projects"
    rules = safe_load((shipped / "kobe_shots.yaml").read_text("utf-8"))
    rules |= {"name": "shots", "training": rules["training"] | {"backend": "scikit-learn", "iterations": 2}, **changes}
    (home / "projects").mkdir()
    (home / "projects" / "court").symlink_to(shipped / "court")
    (home / "projects" / "shots.yaml").write_text(safe_dump(rules), "utf-8")
    own = {"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_PROJECTS": "projects"}
    own |= {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", **environment}
    for name in ("SHOTCLOCK_DATA", "SHOTCLOCK_ARTIFACTS"):
        patch.delenv(name, raising=False)
    for name, value in own.items():
        patch.setenv(name, value)
    config.project.cache_clear()


def _loop(home: Path, patch: pytest.MonkeyPatch, addresses: dict[str, str]) -> dict:
    _settle(home, patch, addresses)
    database.prepare_store()
    told: list[tuple] = []
    for flow, run in LOOP:
        options = {"by": "alert"} if flow == "retrain" else {}
        getattr(flows, flow)("shots", run, note=lambda step, result: told.append((step, to_wire(result))), **options)
    return {"told": told, "home": home, "data": settings().data, "rows": _rows(), **_left()}


def _rows() -> pa.Table:
    """The published predictions."""
    place = storage.published(settings().data, "shots", "predictions") / inference.RESULT
    return pa.Table.from_batches(dataset.read_batches(place, ["shot_id", "probability", "model_version"], 10_000))


def _left() -> dict:
    places = {
        name: storage.published(settings().data, "shots", name) for name in ("champion", "predictions", "monitoring")
    }
    files = {
        f"{name}/{file.name}": file.name in PAGES or storage.digest(file)
        for name, place in places.items()
        for file in storage.listing(place, "*")
    }
    return {
        "places": {name: place.name for name, place in places.items()},
        "files": files,
        "champion": registry.require_champion("shots").number,
        "decisions": [(done.outcome, done.reason, done.gate) for done in history.decisions("shots")],
        "open": sorted(alert.kind for alert in history.alerts("shots")),
    }


def _figures(told: list[tuple]) -> list[tuple]:
    """What the steps said, without addresses and ids."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items() if key != "summary"}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return MLFLOW_ID.sub("an id", value.rpartition("/")[2]) if isinstance(value, str) else value

    return [(step, plain(result)) for step, result in told]


def test_every_step_gives_the_same_figures_as_on_a_disk(ways):
    disk, s3 = (_figures(ways[way]["told"]) for way in ("disk", "s3"))
    assert [step for step, _ in s3] == [step for step, _ in disk]
    for here, there in zip(s3, disk, strict=True):
        assert here == there


def test_what_is_published_has_the_same_bytes(ways):
    assert ways["s3"]["places"] == ways["disk"]["places"]
    assert ways["s3"]["files"] == ways["disk"]["files"]
    names = {"champion/modelo_final.pickle", "predictions/resultado_pipeline.parquet", "monitoring/drift_report.html"}
    assert names <= set(ways["s3"]["files"])


def test_the_loop_decides_the_same_and_comes_to_rest(ways):
    for key in ("champion", "decisions", "open"):
        assert ways["s3"][key] == ways["disk"][key]
    assert ways["s3"]["champion"] == "2"
    last = dict(ways["s3"]["told"][-5:])
    assert not any(result.get("fires") for result in last.values())


def test_old_runs_go_from_the_store_and_the_loop_goes_on(ways):
    """The last test that changes anything: the environment is still that of the loop in the store."""
    before, old = _left(), settings().data / "shots" / "runs" / "inference" / "s1"
    size = storage.size(old / "resultado_pipeline.parquet")
    later = datetime.now(UTC) + timedelta(days=3650)
    done = prune.prune("shots", older_than_days=0, keep=0, remove=True, now=later)
    assert [(run.flow, run.run) for run in done.runs] == [("inference", "s1")]
    assert done.bytes == size > 0
    assert storage.weight(old) == 0
    assert _left() == before
    assert not flows.check("shots", "m3").sensors["drift"].fires


def test_nothing_lies_on_this_machine_but_the_database_and_the_project_file(ways):
    home = ways["s3"]["home"]
    left = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert [name for name in left if not name.startswith("mlflow.")] == ["projects/shots.yaml"]


def test_every_address_that_was_handed_on_is_in_the_store(ways):
    home = str(ways["s3"]["home"])
    assert home not in repr(ways["s3"]["told"])
    assert str(ways["s3"]["data"]).startswith("s3://")
    assert os.environ["SHOTCLOCK_DATA"] in repr(ways["s3"]["told"])


def test_in_airflow_one_trigger_leads_to_the_same_champion_decisions_and_predictions(ways, by_airflow):
    assert by_airflow["outcome"].good
    for key in ("champion", "open", "rows"):
        assert by_airflow[key] == ways["s3"][key]
    assert [outcome for outcome, _, _ in by_airflow["decisions"]] == [
        outcome for outcome, _, _ in ways["s3"]["decisions"]
    ]
    assert by_airflow["files"]["champion/modelo_final.pickle"] == ways["s3"]["files"]["champion/modelo_final.pickle"]


def test_in_airflow_partitions_reports_and_artefacts_are_in_the_store_and_nothing_of_them_on_the_worker(by_airflow):
    names = [key.rpartition("/")[2] for key in by_airflow["keys"]]
    cuts = [task for task in by_airflow["outcome"].tasks if task.task == "score" and task.map_index >= 0]
    assert len(cuts) == 2 * 3  # partitions of the first scoring, and of the one after the promotion
    assert names.count("_commit.json") == 3  # of both results, and of the shadow's second one
    assert {"modelo_final.pickle", "reference.parquet", "drift_report.html", "model_card.html"} <= set(names)
    assert any(key.startswith("artifacts/") for key in by_airflow["keys"])
    home = by_airflow["home"]
    left = [path.relative_to(home) for path in home.rglob("*") if path.is_file()]
    assert {path.parts[0] for path in left if not path.name.startswith("mlflow.")} == {"projects", "var"}
    assert {path.parts[1] for path in left if path.parts[0] == "var"} == {"airflow", "log", "stack.lock"}
