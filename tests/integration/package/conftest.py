"""A shop of its own: a small project whose batches and labels lie in folders, trained once a session."""

import itertools
import shutil
import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from yaml import safe_dump

RULES = {
    "name": "shop",
    "title": "Shop",
    "data": {"training": "training.parquet", "production": "production.parquet", "batches": "in", "labels": "labels"},
    "columns": {
        "id": "order_id",
        "time": "ordered_at",
        "target": "bought",
        "features": {
            "amount": {"type": "number", "min": -200, "max": 500},
            "age": {"type": "integer", "min": 0, "max": 120},
            "member": {"type": "integer", "allowed": [0, 1], "drift": "jensenshannon"},
        },
    },
    "training": {"backend": "scikit-learn", "candidates": ["logistic_regression"], "folds": 2, "iterations": 1},
    "gate": {"min_rows": 200, "resamples": 200},
    "drift": {"min_rows": 400},
    "degradation": {"min_rows": 400, "resamples": 200},
    "retraining": {"every_new_records": 500, "min_new_labels": 100, "cool_down_days": 0},
}


def orders(rows, first=1, day="2025-06-01"):
    """Orders with ids from `first` on, one every half an hour from `day` on, by a seed."""
    random = np.random.default_rng(first)
    amount, age = random.normal(60, 30, rows).round(2), random.integers(18, 80, rows)
    member = random.integers(0, 2, rows)
    odds = 0.03 * (amount - 60) + 1.2 * member - 0.5
    bought = (random.random(rows) < 1 / (1 + np.exp(-odds))).astype(int)
    times = pd.date_range(day, periods=rows, freq="30min")
    frame = {"order_id": np.arange(first, first + rows), "ordered_at": times, "amount": amount, "age": age}
    return pa.Table.from_pandas(pd.DataFrame(frame | {"member": member, "bought": bought}), preserve_index=False)


def retyped(table, **types):
    """The table with other types of some columns."""
    for name, kind in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    return table


@pytest.fixture(scope="session")
def shop_rules():
    """What the project file of the shop says."""
    return RULES


class Shop:
    """The project `shop` in a folder of its own. `use` changes sections of its file."""

    orders, retyped = staticmethod(orders), staticmethod(retyped)

    def __init__(self, home: Path, runs: int = 0) -> None:
        self.home, self.raw, self.runs = home, home / "data" / "raw", runs

    def use(self, **sections):
        from shotclock import config

        rules = dict(RULES)
        for name, values in sections.items():
            rules[name] = rules.get(name, {}) | values
        (self.home / "projects" / "shop.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
        config.project.cache_clear()

    def put(self, name, table):
        """Write a file below `data/raw`; the way of writing goes by its ending."""
        path = self.raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            table.to_pandas().to_csv(path, index=False)
        else:
            pq.write_table(table, path)
        return path

    def score(self, path=None):
        from shotclock import flows

        return flows.score("shop", self._run("s"), path=path)

    def check(self):
        from shotclock import flows

        return flows.check("shop", self._run("m"))

    def retrain(self):
        from shotclock import flows

        return flows.retrain("shop", self._run("r"), reason="x")

    def _run(self, flow):
        self.runs += 1
        return f"{flow}{self.runs}"

    def second_version(self):
        """Put the champion's model into service as a version of its own."""
        from mlflow import MlflowClient

        from shotclock.config import settings

        client = MlflowClient(settings().tracking_uri)
        first = client.get_model_version("shop", "1")
        second = client.create_model_version(
            "shop", first.source, first.run_id, tags=first.tags, model_id=first.model_id
        )
        client.set_registered_model_alias("shop", "champion", second.version)

    def predictions(self, batch=None):
        from shotclock.config import settings
        from shotclock.files import storage

        folder = storage.published(settings().data, "shop", "predictions")
        return pq.read_table((folder / batch if batch else folder) / "resultado_pipeline.parquet")


def _point(monkeypatch, home):
    monkeypatch.setenv("SHOTCLOCK_HOME", str(home))
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", "projects")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home / 'mlflow.db'}")
    monkeypatch.setenv("SHOTCLOCK_ARTIFACTS", str(home / "artifacts"))
    for name in ("SHOTCLOCK_DATA", "SHOTCLOCK_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def _settled(stages, home):
    """As with `at`, versions are verified in this process, and Evidently is asked once about the same two windows."""
    from shotclock import config
    from shotclock.judging import drift
    from shotclock.store.server import client
    from shotclock.store.versions import verify

    with pytest.MonkeyPatch.context() as patch:
        _point(patch, home)
        patch.setattr(verify, "verify_apart", verify.verify)
        patch.setattr(drift, "_measured", partial(stages.compare, drift._measured))
        config.project.cache_clear()
        client._experiment_id.cache_clear()
        yield
    config.project.cache_clear()
    client._experiment_id.cache_clear()


@pytest.fixture(scope="session")
def settled(_stages):
    """`with settled(home)`: a home of its own for the projects of one file of tests."""
    return partial(_settled, _stages)


@pytest.fixture(scope="session")
def copied(tmp_path_factory, settled):
    """`with copied(shop) as own`: the shop as it stands, at an address of its own that is as long. Of None: an empty one."""
    folder, numbers = tmp_path_factory.mktemp("shops"), itertools.count(1)

    @contextmanager
    def moved_in(kept):
        home = folder / f"shop_{next(numbers):04}"
        if kept is None:
            (home / "projects").mkdir(parents=True)
        else:
            _copy(kept.home, home)
        with settled(home):
            yield Shop(home, kept.runs if kept else 0)

    return moved_in


def _copy(kept, home):
    shutil.copytree(kept, home, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*"))
    database = home / "mlflow.db"
    with closing(sqlite3.connect(kept / "mlflow.db")) as here, closing(sqlite3.connect(database)) as there:
        here.backup(there)  # with what its write-ahead log still holds
    database.write_bytes(database.read_bytes().replace(str(kept).encode(), str(home).encode()))


@pytest.fixture(scope="session")
def _trained_shop(copied):
    from shotclock import flows
    from shotclock.store.server import database

    with copied(None) as shop:
        shop.use()
        shop.put("training.parquet", orders(3000))
        database.prepare_store()
        flows.train("shop", "t1")
    return shop


@pytest.fixture
def shop(_trained_shop, copied):
    """The shop with a champion, and nothing scored yet."""
    with copied(_trained_shop) as shop:
        yield shop
