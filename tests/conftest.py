"""What the tests share: the real data and the first project."""

import email
import email.policy
import gc
import hashlib
import json
import os
import shutil
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pandas import DataFrame

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: small fits, and no threads to fork with

gc.disable()  # until all is collected: what is imported and collected stays, and looking through it takes a sixth of the time

ROOT = Path(__file__).parents[1]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several workers each takes a file at a time (`--dist loadfile`), in this order.

    The first file that asks for a stage of the loop has them made; the others that do come last, and need not wait.
    """
    if WORKER:
        ask = {"at", "at_once"}
        asking = dict.fromkeys(item.path for item in items if ask & {*getattr(item, "fixturenames", ())})
        first = next(iter(asking), None)
        items.sort(key=lambda item: (item.path != first, item.path in asking))


def _real(name: str) -> Path:
    """A real data file, from `SHOTCLOCK_DATA_DIR` or from `data/raw`."""
    source = os.environ.get("SHOTCLOCK_DATA_DIR")
    folders = [*([ROOT / source] if source else []), ROOT / "data" / "raw"]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        pytest.fail(f"{name} is in none of {[str(f) for f in folders]}: run `make data`, or set SHOTCLOCK_DATA_DIR")
    return found


@pytest.fixture(scope="session")
def dev_path() -> Path:
    """24,271 two-point shots."""
    return _real("dataset_kobe_dev.parquet")


@pytest.fixture(scope="session")
def prod_path() -> Path:
    """6,426 three-point shots."""
    return _real("dataset_kobe_prod.parquet")


@pytest.fixture(scope="session")
def _dev(dev_path: Path) -> "DataFrame":
    return _read(dev_path)


@pytest.fixture(scope="session")
def _prod(prod_path: Path) -> "DataFrame":
    return _read(prod_path)


def _read(path: Path) -> "DataFrame":
    from pyarrow import parquet

    return parquet.read_table(path).to_pandas().reset_index(drop=True)


@pytest.fixture
def dev(_dev: "DataFrame") -> "DataFrame":
    """A copy that the test may change."""
    return _dev.copy()


@pytest.fixture
def prod(_prod: "DataFrame") -> "DataFrame":
    return _prod.copy()


@pytest.fixture(scope="session")
def kobe():
    """The first project, as its YAML file describes it."""
    from shotclock.config import load_project

    return load_project(ROOT / "include" / "projects" / "kobe_shots.yaml")


Compared = tuple[dict[str, float], str]
Comparing = Callable[["DataFrame", "DataFrame", Mapping[str, Any]], Compared]
STAGES = ("empty", "trained", "alerted", "gated", "rested")
DATABASE = "mlflow.db"


class Stages:
    """One project trained on the real data, once a session, kept as it was after each stage of the loop.

    A test that asks for a stage gets a copy of it, always at the same address, because MLflow and the steps remember
    absolute paths. What a test leaves as it found it serves the next one. Workers share the stages: the first to need
    one makes it, and each reads it with the other's address replaced by its own, which is as long.
    """

    def __init__(self, shared: Path, raw: list[Path]) -> None:
        own = shared / f"{WORKER:_>6}"
        self.live, self._kept, self._shared, self._raw = own / "live", own / "kept", shared, raw
        self._broken: set[str] = set()
        self._untouched: tuple[Any, ...] = ()

    def restore(self, stage: str) -> Path:
        """Put the stage in place and point the environment at it; makes it first if nobody has asked for it before."""
        if stage in self._broken:
            pytest.fail(f"the stage '{stage}' could not be made: see the first test that asked for it")
        self._broken.add(stage)
        self.fetch(stage)
        self._broken.remove(stage)
        if self._untouched != (stage, self._look()):
            self._lay_out(self._kept / stage)
            self._untouched = (stage, self._look())
        self._point()
        return self.live

    def fetch(self, stage: str) -> None:
        """A copy of the stage of this worker's own."""
        from shotclock.files import storage

        if (self._kept / stage).exists():
            return
        with storage.locked(self._shared / f"{stage}.lock"):
            if not (self._shared / stage).exists():
                self._make(stage)
                self._keep(self._shared / stage)
        shutil.copytree(self._shared / stage, self._kept / stage, symlinks=True)
        maker, own = (self._shared / stage / "address").read_bytes(), str(self.live).encode()
        for path in (self._kept / stage).iterdir():
            if path.is_file():  # a model's own files speak of the address as well, but have a digest
                path.write_bytes(path.read_bytes().replace(maker, own))

    def _make(self, stage: str) -> None:
        from shotclock import flows
        from shotclock.store.server import database

        if stage == "empty":
            self._begin()
            database.prepare_store()
        else:
            self.restore(STAGES[STAGES.index(stage) - 1])
        if stage == "trained":
            flows.train("shots", "t1")
        elif stage == "alerted":
            flows.score("shots", "s1")
            flows.check("shots", "m1")
        elif stage == "gated":
            (self.live / "gated.json").write_text(json.dumps(_gated()), "utf-8")
        elif stage == "rested":
            promote(self.live)
            flows.score("shots", "s2")
            flows.check("shots", "m2")

    def _begin(self) -> None:
        from yaml import safe_dump, safe_load

        rules = safe_load((ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8"))
        rules |= {"name": "shots", "training": rules["training"] | {"backend": "scikit-learn", "iterations": 2}}
        for name in ("projects", "data/raw"):
            (self.live / name).mkdir(parents=True)
        (self.live / "projects" / "court").symlink_to(ROOT / "include" / "projects" / "court")
        (self.live / "projects" / "shots.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
        for path in self._raw:
            shutil.copyfile(path, self.live / "data" / "raw" / path.name)
        self._point()

    def _keep(self, kept: Path) -> None:
        """The database with what its write-ahead log still holds; the folder appears whole or not at all."""
        part = kept.with_suffix(".partial")
        shutil.copytree(self.live, part, symlinks=True, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
        _copy_database(self.live / DATABASE, part / DATABASE)
        (part / "address").write_text(str(self.live), "utf-8")
        part.rename(kept)

    def _lay_out(self, kept: Path) -> None:
        """The database is filled anew and not replaced: MLflow's connections to it go on, and cost nothing again."""
        from shotclock.store.server import client

        for path in self.live.iterdir() if self.live.exists() else ():
            if path.is_dir():
                shutil.rmtree(path)
            elif not path.name.startswith(DATABASE):
                path.unlink()
        ignored = shutil.ignore_patterns(f"{DATABASE}*", "address")
        shutil.copytree(kept, self.live, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        _copy_database(kept / DATABASE, self.live / DATABASE)
        client._experiment_id.cache_clear()  # another stage's

    def compare(self, evidently: Comparing, now: "DataFrame", then: "DataFrame", judged: Mapping[str, Any]) -> Compared:
        """What Evidently says of two windows, asked once a session: it takes a second, and most tests check the same two."""
        from pandas.util import hash_pandas_object

        asked = [(name, it.is_category, it.drift, it.drift_threshold) for name, it in judged.items()]
        contents = [hash_pandas_object(side[list(judged)]).to_numpy().tobytes() for side in (now, then)]
        digest = hashlib.sha256(b"|".join([repr(asked).encode(), *contents])).hexdigest()
        answer = self._shared / "evidently" / f"{digest}.json"
        if not answer.exists():
            answer.parent.mkdir(parents=True, exist_ok=True)
            written = answer.with_suffix(f".{WORKER or 'alone'}")
            written.write_text(json.dumps(evidently(now, then, judged)), "utf-8")
            written.rename(answer)
        scores, page = json.loads(answer.read_text("utf-8"))
        return scores, page

    def _look(self) -> list[tuple[str, int, int, int]]:
        """Every file and folder, and what changes when it is written to."""
        states = [(str(path), path.lstat()) for path in sorted(self.live.rglob("*")) if path.suffix != ".db-shm"]
        return [(path, state.st_ino, state.st_size, state.st_mtime_ns) for path, state in states]

    def _point(self) -> None:
        from shotclock import config

        os.environ["SHOTCLOCK_HOME"] = str(self.live)
        os.environ["SHOTCLOCK_PROJECTS"] = "projects"
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{self.live / DATABASE}"
        os.environ["SHOTCLOCK_ARTIFACTS"] = str(self.live / "artifacts")
        config.project.cache_clear()


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        there.execute("PRAGMA synchronous=OFF")
        here.backup(there)


class ObjectStore:
    """An S3 server on this machine. It answers one request after the other: each is atomic, as on S3."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                pass

        app = DomainDispatcherApplication(create_backend_app)
        self.server = make_server("127.0.0.1", 0, app, request_handler=Quiet)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "store-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._buckets = 0

    def bucket(self) -> str:
        """A new one; gives its name."""
        self._buckets += 1
        self.client().create_bucket(Bucket=f"bucket-{self._buckets}")
        return f"bucket-{self._buckets}"

    def client(self) -> Any:
        import boto3

        keys = {name.lower(): self.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return boto3.client("s3", endpoint_url=self.address, region_name="us-east-1", **keys)

    def keys(self, bucket: str) -> list[str]:
        found = self.client().list_objects_v2(Bucket=bucket)
        return [entry["Key"] for entry in found.get("Contents", [])]

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """The server checks who asks, and knows nobody."""
        import httpx

        httpx.post(f"{self.address}/moto-api/reset-auth", content=b"0")
        try:
            yield
        finally:
            httpx.post(f"{self.address}/moto-api/reset-auth", content=b"inf")


@pytest.fixture(scope="session")
def _object_store():
    store = ObjectStore()
    thread = threading.Thread(target=store.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield store
    store.server.shutdown()
    thread.join()


@pytest.fixture
def object_store(_object_store, monkeypatch):
    """An S3 server, and the environment that leads to it."""
    for name, value in _object_store.environment.items():
        monkeypatch.setenv(name, value)
    return _object_store


def _gated() -> dict[str, Any]:
    """The retraining `r1` up to its promotion: what the step `promote` is called with, as it travels."""
    from shotclock.handoff import to_wire
    from shotclock.steps import refitting, retraining, training
    from shotclock.store.run import Run

    run = Run("shots", "retraining", "r1")
    plan = retraining.decide(run, "alert")
    data = retraining.split_recent(run, retraining.collect(run, plan))
    compared = training.compare(run, retraining.candidates(run, plan, data), data)
    selection = training.select(run, [training.train(run, item, data) for item in compared], data)
    gated = training.gate(run, selection, data)
    refitted = refitting.refit(run, compared, selection, gated, data)
    verified = training.verify(run, gated, refitted)
    handed = {"selection": selection, "decision": gated, "verified": verified, "data": data, "refitted": refitted}
    return {name: to_wire(result) for name, result in handed.items()}


def promote(folder: Path) -> Any:
    """Promote what the retraining `r1` has gated in `folder`."""
    from shotclock.handoff import call
    from shotclock.steps import training
    from shotclock.store.run import Run

    gated = json.loads((folder / "gated.json").read_text("utf-8"))
    return call(training.promote, Run("shots", "retraining", "r1"), gated)


@pytest.fixture
def promote_r1(_stages, at):
    """A function that promotes what the stage `gated` has gated."""
    return lambda: promote(_stages.live)


@pytest.fixture
def stored_runs():
    """`stored_runs("gate")`: the finished MLflow runs of that kind, newest first, as MLflow's own client gives them."""
    from mlflow import MlflowClient

    from shotclock.config import settings

    def look(kind: str) -> list[Any]:
        client = MlflowClient(settings().tracking_uri)
        where = f"tags.`shotclock.kind` = '{kind}' and attributes.status = 'FINISHED'"
        experiment = client.get_experiment_by_name("shots").experiment_id
        return list(client.search_runs([experiment], where, order_by=["attributes.start_time DESC"]))

    return look


@pytest.fixture(scope="session")
def _stages(tmp_path_factory, dev_path, prod_path) -> Stages:
    own = tmp_path_factory.getbasetemp()
    return Stages((own.parent if WORKER else own) / "stages", [dev_path, prod_path])


@pytest.fixture
def at(_stages, monkeypatch):
    """`at("alerted")`: the folder of the project `shots` as it stands after that stage, and the environment that shows it.

    Challengers are verified in this process, for another takes seconds: what tests that says so. Evidently is asked once about
    the same two windows.
    """
    yield from _shown(_stages, monkeypatch)


@pytest.fixture(scope="module")
def at_once(_stages):
    """`at` for a file whose tests share what they find; none of them asks for a stage of its own."""
    with pytest.MonkeyPatch.context() as patch:
        yield from _shown(_stages, patch)


def _shown(stages: Stages, patch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    from shotclock import config
    from shotclock.judging import drift
    from shotclock.store.versions import verify

    for name in ("SHOTCLOCK_HOME", "SHOTCLOCK_PROJECTS", "MLFLOW_TRACKING_URI", "SHOTCLOCK_ARTIFACTS"):
        patch.setenv(name, "")
    patch.delenv("SHOTCLOCK_DATA", raising=False)
    patch.delenv("SHOTCLOCK_DATA_DIR", raising=False)
    patch.setattr(verify, "verify_apart", verify.verify)
    patch.setattr(drift, "_measured", partial(stages.compare, drift._measured))
    if WORKER:
        stages.fetch(STAGES[-1])
    yield stages.restore
    config.project.cache_clear()


@pytest.fixture(scope="session")
def airflow_tables():
    """`airflow_tables(database)`: puts Airflow's empty tables there, where an earlier start has kept them; whether it has.

    The launcher keeps those of a user's first folder for all others. To make them takes eleven seconds of a core.
    """
    from shotclock_launcher.layout import Layout
    from shotclock_launcher.running.preparation import preparations

    def put(database: Path) -> bool:
        made, *_ = preparations(Layout.of())
        return replace(made, database=database).copy_template()

    return put


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server on this machine that keeps what it is sent. Whoever logs in is let in."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Mailman)

    @property
    def connection(self) -> str:
        """As Airflow reads it from the environment."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "shotclock@example.org"}
        server = {"host": "127.0.0.1", "port": self.server_address[1], "login": "bob", "password": "mail-secret"}
        return json.dumps({"conn_type": "smtp", **server, "extra": extra})


class _Mailman(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 here")
        while command := self.rfile.readline()[:4].upper():
            if command == b"DATA":
                self._say("354 go on")
                lines = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(email.message_from_bytes(lines, policy=email.policy.default))
            self._say({b"EHLO": "250-here\r\n250 AUTH PLAIN", b"AUTH": "235 in"}.get(command, "250 ok"))

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Webhook(ThreadingHTTPServer):
    """A webhook, Slack's or another, that keeps what it is sent. When it refuses, it repeats the whole request."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.texts: list[str] = []
        self.bodies: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.status = 200
        super().__init__(("127.0.0.1", 0), _Poster)

    @property
    def connection(self) -> str:
        host = f"http://127.0.0.1:{self.server_address[1]}"
        return json.dumps({"conn_type": "slackwebhook", "host": host, "password": "T0/B0/hook-secret"})

    @property
    def address(self) -> str:
        """The connection of one who takes any JSON: its path holds a secret, too."""
        host = f"http://127.0.0.1:{self.server_address[1]}/path-secret"
        return json.dumps({"conn_type": "http", "host": host, "password": "hook-secret"})


class _Poster(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        self.server.bodies.append(body)
        self.server.keys.append(self.headers.get("Authorization"))
        self.server.texts += [body["text"]] if "text" in body else []
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"ok" if self.server.status == 200 else self.path.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def mailbox():
    yield from _serving(Mailbox())


@pytest.fixture
def webhook():
    yield from _serving(Webhook())


@pytest.fixture(scope="session")
def inbox():
    """A webhook that the messages of many tests come to."""
    yield from _serving(Webhook())


def _serving(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


# What tests of steps, flows and commands share


@pytest.fixture
def put():
    """`put(rows, "bad.parquet")`: write a raw file and give its name."""

    from shotclock.config import settings

    def write(rows, name="given.parquet"):
        rows.to_parquet(settings().data / "raw" / name)
        return name

    return write


@pytest.fixture
def published():
    """`published()`: what readers find: where the links point, the aliases, the digest of everything behind the links."""

    from shotclock.config import settings
    from shotclock.store.versions import registry

    def look():
        folder = settings().data / "shots"
        links = {link.name: str(link.readlink()) for link in sorted(folder.glob("*")) if link.is_symlink()}
        aliases = [registry.by_alias("shots", alias) for alias in (registry.CHAMPION, registry.PREVIOUS)]
        return links, [version and version.number for version in aliases], {n: digests(folder / n) for n in links}

    return look


def digests(folder):
    from shotclock.files import storage

    return {str(path.relative_to(folder)): storage.digest(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def files():
    """`files(folder)`: the digest of every file below a folder."""
    return digests


@pytest.fixture
def mlflow_runs():
    """`mlflow_runs()`: the name and status of each MLflow run of the project that is not deleted."""

    from mlflow import MlflowClient

    from shotclock.config import settings
    from shotclock.store.server.client import experiment_id

    def look():
        found = MlflowClient(settings().tracking_uri).search_runs([experiment_id("shots")])
        return sorted((run.data.tags["shotclock.key"], run.info.run_name, run.info.status) for run in found)

    return look


@pytest.fixture
def shotclock():
    """`shotclock("train", "shots")`: how the command ended and what it wrote."""
    from typer.testing import CliRunner

    from shotclock.cli import app

    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])
