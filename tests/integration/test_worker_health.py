"""The health check of a Celery worker, against a real worker and a real Redis that asks for a password."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotclock_deployment import worker_health

PASSWORD = "of-this-test"
NAME = f"celery@{socket.gethostname()}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory) -> Iterator[str]:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine: install it (Debian: apt-get install redis-server) to run these")
    port = str(free_tcp_port_factory())
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD]
    with subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL) as redis:
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        redis.terminate()


@pytest.fixture(scope="module")
def worker(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    options = [
        "--broker",
        broker,
        "worker",
        "--pool",
        "solo",
        "--hostname",
        NAME,
        "--without-mingle",
        "--without-gossip",
        "--loglevel",
        "INFO",
    ]
    folder = tmp_path_factory.mktemp("worker")
    env = os.environ | {"CELERY_BROKER_URL": broker}
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "celery", *options]
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 300
        while "ready" not in (folder / "log").read_text():
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_answers_is_well(broker: str, worker: subprocess.Popen[bytes]) -> None:
    assert worker_health.main(broker, NAME) == 0


def test_another_worker_does_not_answer_for_it(broker: str, worker, monkeypatch, capsys) -> None:
    monkeypatch.setattr(worker_health, "_TIMEOUT", 1.0)
    assert worker_health.main(broker, "celery@elsewhere") == 1
    assert "celery@elsewhere: no answer in 1 s" in capsys.readouterr().err


def test_a_wrong_password_is_told_and_is_not_well(broker: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(worker_health, "_TIMEOUT", 1.0)
    assert worker_health.main(broker.replace(PASSWORD, "wrong"), NAME) == 1
    assert NAME in capsys.readouterr().err


def test_a_broker_that_is_away_is_told_and_is_not_well(free_tcp_port: int, monkeypatch, capsys) -> None:
    monkeypatch.setattr(worker_health, "_TIMEOUT", 1.0)
    assert worker_health.main(f"redis://127.0.0.1:{free_tcp_port}/0", NAME) == 1
    assert NAME in capsys.readouterr().err


def test_neither_airflow_nor_anything_of_ours_is_loaded_for_it() -> None:
    code = "import sys, shotclock_deployment.worker_health; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.home())
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"airflow", "shotclock", "mlflow", "pandas"}
