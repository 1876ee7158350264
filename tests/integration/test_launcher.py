"""The launcher with a real Airflow: start, trigger, follow, stop; and that nothing is left behind, whatever happens."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from shotclock_launcher import doctor
from shotclock_launcher.commands.demo import chain
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.follow import Follower, Outcome, follow
from shotclock_launcher.following.readiness import wait_for_dags
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, processes
from shotclock_launcher.running.stack import Stack, running

PATIENCE = 900.0  # seconds for one thing to come about: test machines are slow, and other tests run beside these

DAGS = """
    from airflow.sdk import DAG, Asset, get_current_context, task

    made = Asset("good/made")

    with DAG("good.training", schedule=None):
        @task
        def names():
            return ["tree", "line"]

        @task(map_index_template="{{ name }}")
        def train(name):
            get_current_context()["name"] = name

        @task(outlets=[made])
        def publish(trained):
            pass

        publish(train.expand(name=names()))

    with DAG("good.after", schedule=[made]):
        @task
        def note_surroundings():
            import json, os, sys
            heavy = sorted({"pandas", "mlflow", "evidently"} & set(sys.modules))
            print("loaded already:", ",".join(heavy))

        note_surroundings()

    with DAG("bad.training", schedule=None):
        @task
        def split():
            raise ValueError("dev.parquet: column 'lat' is missing; add it")

        @task
        def train(data):
            pass

        train(split())

    with DAG("slow.training", schedule=None):
        @task
        def nap():
            import subprocess, time
            subprocess.Popen(["sleep", "3600"])
            time.sleep(3600)

        @task
        def tell():
            pass

        nap()
        tell()
"""


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.1)
    return holds()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory) -> dict[str, str]:
    """A home of its own, with nothing in it but what the launcher makes, and a free port."""
    home = tmp_path_factory.mktemp("home")
    (home / "user").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    ports = {name: str(free_tcp_port_factory()) for name in ("SHOTCLOCK_PORT", "SHOTCLOCK_SERVING_PORT")}
    return {**kept, **ports, "HOME": str(home / "user"), "SHOTCLOCK_HOME": str(home)}


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "toys.py").write_text(textwrap.dedent(DAGS))
    return folder


@pytest.fixture(scope="module")
def layout(environment: dict[str, str], dags: Path) -> Layout:
    return Layout.of(environment, dags)


def _default_sigint() -> None:
    """Where tests run in the background of a shell, Ctrl-C is ignored, and so it would be in what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Launched:
    """`python -m shotclock_launcher …` as a process, and what it has printed so far."""

    def __init__(self, environment: dict[str, str], dags: Path, output: Path, *arguments: str) -> None:
        self._output = output
        with output.open("wb") as file:
            command = [sys.executable, "-m", "shotclock_launcher", *arguments, "--dags", str(dags)]
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_default_sigint,  # noqa: PLW1509  (no thread runs here)
            )

    @property
    def text(self) -> str:
        return self._output.read_text()

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> None:
        ended = lambda: self.process.poll() is not None  # noqa: E731
        assert eventually(lambda: bool(re.search(pattern, self.text)) or ended(), seconds), self.text
        assert re.search(pattern, self.text), self.text

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@pytest.fixture
def launch(environment, dags: Path, tmp_path: Path, layout: Layout) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(*arguments: str, **settings: str) -> Launched:
        output = tmp_path / f"output-{len(started)}"
        started.append(Launched(environment | settings, dags, output, *arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
    if layout.lock.exists():
        assert eventually(lambda: processes.members(stack_of(layout)) == [], PATIENCE)


def stack_of(layout: Layout) -> str:
    return str(json.loads(layout.lock.read_text())["stack"])


def names(stack: str) -> str:
    return "\n".join(" ".join(process.cmdline()) for process in processes.members(stack))


def error_of_a_broken_file(stack: Stack) -> str:
    """What the launcher says about a DAG file that appears while Airflow runs, and cannot be imported."""
    broken = stack.layout.dags / "broken.py"
    broken.write_text("from airflow.sdk import DAG\nwith DAG('good.broken'):\n    import missing_one\n")
    with pytest.raises(LaunchError) as error:
        wait_for_dags(stack, Api(stack.layout.address, stack.login), "good")
    broken.unlink()
    return str(error.value)


def test_one_stack_runs_a_chain_to_its_rest_tells_what_failed_and_starts_again_what_is_killed(
    layout: Layout, environment: dict[str, str], capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOTCLOCK_HOME", environment["SHOTCLOCK_HOME"])
    with running(layout) as stack:
        good, _ = chain(stack, "good")
        told_good = capsys.readouterr().out
        bad, _ = chain(stack, "bad")
        told_bad = capsys.readouterr().out
        import_error = error_of_a_broken_file(stack)
        healed = killed_in_the_midst(stack)
        told_healed = capsys.readouterr().out
        doctors = {finding.what: finding.found for finding in doctor.checks()}

    assert good.good
    assert {dag for dag, _ in good.runs} == {"good.training", "good.after"}
    assert {t.label for t in good.tasks if t.task == "train"} == {"train[tree]", "train[line]"}
    for label in ("names", "train[tree]", "train[line]", "publish", "note_surroundings"):
        assert len(re.findall(rf"good\.\w+ +{re.escape(label)} +success +\d+\.\d", told_good)) == 1, told_good

    assert not bad.good
    assert {(t.task, t.state) for t in bad.tasks} == {("split", "failed"), ("train", "upstream_failed")}
    assert "ValueError: dev.parquet: column 'lat' is missing; add it" in told_bad
    log = re.search(r"all of it: (/.*/task_id=split/attempt=1.log)", told_bad)
    assert log
    assert "column 'lat' is missing" in Path(log[1]).read_text()

    assert healed.good, healed
    assert {dag for dag, _ in healed.runs} == {"good.training", "good.after"}
    for service in ("scheduler", "api-server", "dag-processor", "triggerer"):
        assert f"{service} ended by itself, killed by signal 9; it is started again in 1 s" in told_healed
        assert "ended by itself 1 time, last at " in doctors[service]

    assert "1 DAG file(s) cannot be imported" in import_error
    assert "No module named 'missing_one'" in import_error

    assert processes.members(stack.id) == []
    note = next(layout.task_logs.glob("dag_id=good.after/*/task_id=note_surroundings/attempt=1.log"))
    assert "loaded already: evidently,mlflow,pandas" in note.read_text()
    assert {path.name for path in layout.settings.home.iterdir()} == {"user", "var", "data"}


def kill(stack: Stack, service: str) -> None:
    """The service alone, as the kernel does it that is out of memory; what it has forked goes on."""
    watched = next(one for one in stack._running if one.service.name == service)
    watched.process.kill()
    watched.process.wait()


def killed_in_the_midst(stack: Stack) -> Outcome:
    """A chain, with one service after the other killed as soon as the one before is up again."""
    stack.env |= {
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "5"
    }  # what is started again: sooner than by default
    left = ["triggerer", "dag-processor", "api-server", "scheduler"]

    def check() -> None:
        stack.check()
        if left and all(one.due is None for one in stack._running):
            kill(stack, left.pop())

    api = Api(stack.layout.address, stack.login)
    follower = Follower(api, ["good.training", "good.after"])
    api.trigger("good.training")
    outcome = follow(follower, check=check, tell=lambda _: None, patience=PATIENCE)
    assert eventually(lambda: check() or (not left and all(one.due is None for one in stack._running)), PATIENCE)
    return outcome


def test_the_command_fails_with_the_chain_and_leaves_nothing_running(launch, layout: Layout) -> None:
    launched = launch("demo", "--project", "bad")
    assert launched.process.wait(timeout=PATIENCE) == 1
    assert "preparing" not in launched.text  # both databases stand since the first start
    assert "not every step succeeded:\n  bad.training" in launched.text
    assert "bad.training split: failed" in launched.text
    assert processes.members(stack_of(layout)) == []


def test_ctrl_c_in_the_midst_of_a_task_ends_every_process(launch, layout: Layout) -> None:
    launched = launch("demo", "--project", "slow")
    launched.wait_for(r"slow.training +tell +success")
    stack = stack_of(layout)
    assert eventually(lambda: "sleep 3600" in names(stack), PATIENCE)

    second = launch("up")
    assert second.process.wait(timeout=PATIENCE) == 1
    assert f"already running in this folder (pid {launched.process.pid})" in second.text

    launched.signal(signal.SIGINT)
    assert launched.process.wait(timeout=PATIENCE) == 130
    assert "stopped (SIGINT)" in launched.text
    assert processes.members(stack) == []


def mlflow_is_behind_the_login(launched: Launched, layout: Layout, address: str) -> None:
    assert f"MLflow    {address}, with the same login" in launched.text
    login = credentials.login(layout.airflow)
    assert login.password not in launched.text  # into a pipe, which may end in a file
    assert httpx.get(address, trust_env=False).status_code == 401
    assert httpx.get(address, auth=(login.user, login.password), trust_env=False, timeout=60).status_code == 200
    told = [p.cmdline() for p in processes.members(stack_of(layout)) if "MLFLOW_AUTH_ADMIN_PASSWORD" in p.environ()]
    assert told
    assert all("airflow" not in command and "streamlit" not in command for command in told)


def test_up_puts_mlflow_behind_a_login_and_kill_9_of_the_launcher_or_of_its_guardian_too_leaves_nothing(
    launch, layout: Layout, free_tcp_port: int
) -> None:
    launched = launch("up", SHOTCLOCK_MLFLOW_PORT=str(free_tcp_port))
    launched.wait_for("Ctrl-C stops all of it")
    assert re.search(r"user admin, password in \S+/passwords\.json", launched.text)
    assert f"endpoint  http://127.0.0.1:{layout.serving_port}" in launched.text
    mlflow_is_behind_the_login(launched, layout, f"http://127.0.0.1:{free_tcp_port}")
    orphans = stack_of(layout)
    guardian = next(
        p
        for p in psutil.Process(launched.process.pid).children()
        if "shotclock_launcher.running.guardian" in p.cmdline()
    )
    guardian.kill()
    launched.process.kill()
    launched.process.wait()
    assert len(processes.members(orphans)) >= 5

    again = launch("demo", "--project", "slow")
    again.wait_for(r"slow.training +tell +success")
    assert re.search(r"ended \d+ processes that an earlier start had left behind", again.text)
    assert processes.members(orphans) == []
    stack = stack_of(layout)
    assert eventually(lambda: "sleep 3600" in names(stack), PATIENCE)
    again.signal(signal.SIGKILL)
    assert eventually(lambda: processes.members(stack) == [], PATIENCE), names(stack)


def test_a_port_in_use_is_reported_before_anything_is_started(launch, layout: Layout) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last test's connections may linger
        listener.bind(("127.0.0.1", layout.port))
        listener.listen()
        launched = launch("up")
        assert launched.process.wait(timeout=PATIENCE) == 1
    assert f"port {layout.port}, which the Airflow UI needs, is in use by" in launched.text
    assert f"(pid {os.getpid()})" in launched.text
    assert "starting" not in launched.text
