"""The endpoint as a process of its own: promotions while it is asked, a version that is broken, and plain MLflow beside it."""

import http.client
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.store.versions import registry

SHOT = {"lat": 34.0, "lon": -118.2, "minutes_remaining": 3, "period": 1, "playoffs": 0, "shot_distance": 24}
BODY = json.dumps({"dataframe_records": [SHOT]})
LIMIT = 900.0  # seconds; only a test that fails waits so long


class Process:
    """A server that was started, and a client of it."""

    def __init__(self, command, port, log, environment):
        self.port, self.log = port, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)

    def ask(self, path="/invocations", connection=None):
        """Status, headers and body of one request."""
        client = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        client.request(
            "POST" if path == "/invocations" else "GET",
            path,
            BODY if path == "/invocations" else None,
            {"Content-Type": "application/json"},
        )
        told = client.getresponse()
        return told.status, told.headers, told.read()

    def wait_until(self, holds):
        until = time.monotonic() + LIMIT
        while True:
            try:
                if holds():
                    return
            except OSError:  # it does not listen yet
                pass
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def version(self):
        return self.ask("/ping")[1]["X-Model-Version"]

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(LIMIT)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """`started(command, port)`: a server, ended with the last test."""
    running, folder = [], tmp_path_factory.mktemp("logs")

    def start(command, port, **environment):
        log = folder / f"{len(running)}.log"
        running.append(Process(command, port, log, {**os.environ, **environment}))
        return running[-1]

    yield start
    for server in running:
        server.end()


@pytest.fixture(scope="module")
def endpoint(at_once, started, free_tcp_port_factory):
    """`make serve` on the project `shots` with two versions, of which the second is the champion; each test leaves it so."""
    at_once("rested")
    port = free_tcp_port_factory()
    server = started([sys.executable, "-m", "shotclock_launcher", "serve"], port, SHOTCLOCK_SERVING_PORT=str(port))
    server.wait_until(lambda: server.ask("/ping")[0] == 200)
    return server


def promote(number):
    champion = registry.require_champion("shots")
    registry.promote(registry.version("shots", number), expected=champion.number)


class Load(threading.Thread):
    """Asks over one connection without a pause, and keeps what it got."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended, self.got, self.failed = server, threading.Event(), [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while not self.ended.is_set():
            try:
                status, headers, body = self.server.ask(connection=connection)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                return
            told = json.loads(body)
            if status != 200 or told["model_version"] != headers["X-Model-Version"]:
                self.failed.append((status, body))
                continue
            self.got.append((told["model_version"], json.dumps(told["predictions"])))


def test_promotions_under_load_are_taken_over_without_a_failed_request(endpoint):
    load = [Load(endpoint) for _ in range(4)]
    for client in load:
        client.start()
    for number in ("1", "2", "1", "2"):
        promote(number)
        endpoint.wait_until(lambda number=number: endpoint.version() == number)
    for client in load:
        client.ended.set()
        client.join()
    assert [client.failed for client in load] == [[]] * 4
    answers = {answer for client in load for answer in client.got}
    assert {version for version, _ in answers} == {"1", "2"}
    assert len(answers) == 2  # each version always said the same


def post(server, body, kind):
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    client.request("POST", "/invocations", body, {"Content-Type": kind})
    told = client.getresponse()
    return told.status, told.read()  # read as JSON here, it would keep the one who measures from its turn


def parquet(rows):
    file = io.BytesIO()
    values = {name: np.full(rows, float(value)) for name, value in SHOT.items()}
    pq.write_table(pa.table(values), file, compression="zstd")
    return file.getvalue()


@pytest.mark.parametrize(
    ("rows", "status"), [(4_000_000, 413), (100_000, 200)], ids=["four million rows", "as many as are allowed"]
)
def test_the_health_check_answers_within_a_second_whatever_is_sent_meanwhile(endpoint, rows, status):
    body, told = parquet(rows), []
    clients = [
        threading.Thread(target=lambda: told.append(post(endpoint, body, "application/vnd.apache.parquet")))
        for _ in range(4)
    ]
    for client in clients:
        client.start()
    waits = []
    while any(client.is_alive() for client in clients) or len(waits) < 20:
        for path in ("/", "/health"):
            began = time.monotonic()
            assert endpoint.ask(path)[0] == 200
            waits.append(time.monotonic() - began)
    assert max(waits) < 1
    assert [found for found, _ in told] == [status] * 4
    if status == 413:
        assert {json.loads(answer)["message"] for _, answer in told} == {
            "rows: found 4,000,000, allowed are 100,000; send less, or score it as a batch"
        }
    assert endpoint.ask()[0] == 200


def test_a_port_in_use_is_reported_by_name(endpoint):
    command = [sys.executable, "-m", "shotclock_launcher", "serve"]
    environment = {**os.environ, "SHOTCLOCK_SERVING_PORT": str(endpoint.port)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=LIMIT, check=False)
    assert done.returncode == 1
    assert f"port {endpoint.port}, which the endpoint needs, is in use by" in done.stdout
    assert "SHOTCLOCK_SERVING_PORT=" in done.stdout


def test_mlflows_own_command_serves_the_champion_as_it_stands_and_says_the_same(
    endpoint, started, free_tcp_port_factory
):
    port = free_tcp_port_factory()
    bin_ = str(Path(sys.executable).parent)
    command = f"mlflow models serve -m models:/shots@champion --env-manager local --port {port}".split()
    plain = started(command, port, PATH=f"{bin_}{os.pathsep}{os.environ['PATH']}")
    plain.wait_until(lambda: plain.ask("/ping")[0] == 200)
    theirs, ours = json.loads(plain.ask()[2]), json.loads(endpoint.ask()[2])
    assert ours == {**theirs, "model_version": "2"}


def stored(number):
    client = MlflowClient(settings().tracking_uri)
    source = client.get_model_version("shots", number).source
    return Path(client.get_logged_model(source.removeprefix("models:/")).artifact_location.removeprefix("file://"))


def test_a_broken_version_leaves_the_old_one_serving_and_the_log_says_so(endpoint):
    """The last one: it leaves the version broken, and ends the endpoint."""
    folder = stored("1")
    (folder / "model.skops").write_bytes(b"broken")
    promote("1")
    endpoint.wait_until(lambda: json.loads(endpoint.ask("/health")[2])["refused"])
    health = json.loads(endpoint.ask("/health")[2])
    assert (health["status"], health["model_version"], health["refused"]["model_version"]) == (
        "champion refused",
        "2",
        "1",
    )
    assert endpoint.ask()[0] == 200 and endpoint.version() == "2"
    log = endpoint.log.read_text()
    assert "models:/shots/1 is not taken over, models:/shots/2 goes on answering" in log
    assert "registered were" in log
    assert endpoint.end() == 0  # after it has answered what had come
