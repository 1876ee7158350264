"""`make test-compose`: docker-compose.yaml under Docker itself, from the build to the restore, by the commands of the docs.

Needs Docker 25 or later with Compose, and nothing else where a registry of images answers; without one, mmdebstrap too.
The tests follow one another in one place, which is taken down with its volumes at the end, whatever has happened.

RESTART_DOCKER='systemctl restart docker' has Docker itself restarted too, amid a training, and with it all else that it runs.
"""

import hashlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from compose import ROOT
from docker_compose import Place, crash, docker
from engine import ended_in_order
from loop import PREDICTIONS, Flows, copies
from standins import provide

from shotclock_deployment.keys import complete
from shotclock_launcher.following.follow import Follower

IMAGE = "shotclock:test-compose"
PORTS = ("AIRFLOW_PORT", "MLFLOW_PORT", "ENDPOINT_PORT", "DASHBOARD_PORT")
BACKUP = ("python", "-m", "shotclock_deployment.backup")
PUBLISHED = "data/{}/predictions/" + PREDICTIONS
OURS_LIMIT = 1.5e9  # bytes of our image, without PyCaret
LEFT = """
import pathlib, subprocess, time
subprocess.run(["sh", "-c", "sleep 0.1 &"])  # which outlives who started it
time.sleep(1)
print(*(line for file in pathlib.Path("/proc").glob("[0-9]*/status") for line in file.open() if line.startswith("State:")))
"""


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)  # noqa: T201  # what -s is for


@dataclass(frozen=True)
class Stack:
    """One place whose services are healthy, and its flows."""

    place: Place
    flows: Flows
    endpoint: str

    def champion(self, project: str) -> str | None:
        return json.loads(self.place.run("shotclock", "status", project, "--json"))["champion"]

    def served(self, project: str) -> str | None:
        """The version that the endpoint answers with."""
        answer = httpx.get(f"{self.endpoint}/projects/{project}/health", trust_env=False, timeout=60)
        return answer.json().get("model_version")

    def digest(self, project: str) -> str:
        return self.place.run("sha256sum", PUBLISHED.format(project)).split()[0]

    def rest(self, project: str, follower) -> None:
        with timed(f"the loop of {project} to its rest"):
            self.flows.rest(follower)


@pytest.fixture(scope="module")
def settings(tmp_path_factory, dev_path, prod_path) -> dict[str, str]:
    """What stands in .env beside the keys: free ports, an image and folders of the tests' own."""
    folder = tmp_path_factory.mktemp("settings")
    projects, raw = copies(folder, ("shaken", "raced", "resumed")), folder / "raw"
    raw.mkdir()
    for path in (dev_path, prod_path):
        shutil.copy(path, raw)
    for place in (projects, raw):
        place.chmod(0o755)
    with socket.socket() as one, socket.socket() as two, socket.socket() as three, socket.socket() as four:
        held = (one, two, three, four)
        for each in held:
            each.bind(("127.0.0.1", 0))
        ports = {name: str(each.getsockname()[1]) for name, each in zip(PORTS, held, strict=True)}
    return ports | {"SHOTCLOCK_IMAGE": IMAGE, "PROJECT_FILES": str(projects), "RAW_FILES": str(raw)}


@pytest.fixture(scope="module")
def place(request, settings, tmp_path_factory) -> Iterator[Place]:
    file = tmp_path_factory.mktemp("place") / ".env"
    complete(file)
    with file.open("a") as opened:
        opened.writelines(f"{name}={value}\n" for name, value in settings.items())
    here = Place("shotclock-test-compose", file)
    with ended_in_order():
        try:
            yield here
        finally:
            if request.session.testsfailed:
                print(here.compose("logs", "--no-color", "--tail", "40"))  # noqa: T201
            here.down()
            docker("image", "rm", "--force", IMAGE)


@pytest.fixture(scope="module")
def stack(place: Place, settings) -> Stack:
    """Built and up, with three workers."""
    with timed("images of others"):
        made = provide([name for name in place.images() if name != IMAGE])
    print(f"made here, since no registry answers: {', '.join(made) or 'none'}")  # noqa: T201
    with timed("our image"):
        place.compose("build")
    with timed("up with three workers, until all are healthy"):
        place.compose("up", "--detach", "--scale", "worker=3")
        place.healthy()
    return seen(place, settings)


def seen(place: Place, settings: dict[str, str]) -> Stack:
    keys = dict(line.split("=", 1) for line in place.environment.read_text("utf-8").splitlines())
    airflow, endpoint = (f"http://localhost:{settings[name]}" for name in ("AIRFLOW_PORT", "ENDPOINT_PORT"))
    return Stack(place, Flows(airflow, keys), endpoint)


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> str:
    """One training, until the loop is at rest. Gives the sha256 of its predictions."""
    stack.flows.parsed("kobe_shots")
    follower = stack.flows.follower("kobe_shots")
    stack.flows.trigger("kobe_shots.training")
    stack.rest("kobe_shots", follower)
    return stack.digest("kobe_shots")


def test_one_image_is_made_for_all_services_of_ours_and_it_is_small_without_pycaret(stack: Stack) -> None:
    ours = [c["Service"] for c in stack.place.containers() if c["Image"] == IMAGE]
    assert len(ours) == 11, "nine services, of which one has three containers"
    assert (
        docker("image", "ls", "--quiet", "--filter", "dangling=true", "--filter", "label=com.docker.compose.project")
        == ""
    )
    image = docker("build", "--quiet", "--build-arg", "PYCARET=no", str(ROOT)).strip()
    sizes = {what: int(docker("image", "inspect", "--format", "{{.Size}}", what)) for what in (IMAGE, image)}
    docker("image", "rm", image)
    print("bytes with PyCaret and without:", *sizes.values())  # noqa: T201
    assert sizes[image] < OURS_LIMIT


def test_no_service_runs_as_root(stack: Stack) -> None:
    """But for the object store, whose image has it so."""
    lasting = [c for c in stack.place.containers() if c["Service"] not in ("init", "s3")]
    status = {c["Name"]: docker("exec", c["Name"], "grep", "^Uid:", "/proc/1/status") for c in lasting}
    assert {name: uid for name, uid in status.items() if "0" in uid.split()} == {}


def test_the_image_by_itself_as_in_a_pod_leaves_no_zombies(stack: Stack) -> None:
    states = docker("run", "--rm", IMAGE, "python", "-c", LEFT)
    assert states
    assert "zombie" not in states


def test_the_loop_comes_to_rest_with_the_second_champion(stack: Stack, undisturbed: str, tmp_path) -> None:
    assert stack.champion("kobe_shots") == "2"
    stack.place.compose("cp", f"worker:/opt/shotclock/{PUBLISHED.format('kobe_shots')}", str(tmp_path))
    shown = pq.read_table(tmp_path / PREDICTIONS)
    assert (shown.num_rows, set(shown["model_version"].to_pylist())) == (6426, {"2"})
    assert hashlib.sha256((tmp_path / PREDICTIONS).read_bytes()).hexdigest() == undisturbed
    stack.flows.wait("the new champion at the endpoint", lambda: stack.served("kobe_shots") == "2")
    workers = {c["ID"][:12] for c in stack.place.containers("worker")}
    ran_on = {ti["hostname"] for flow in ("training", "retraining") for ti in stack.flows.tasks(f"kobe_shots.{flow}")}
    assert len(ran_on & workers) > 1


def test_a_worker_and_the_scheduler_crash_and_it_ends_as_when_left_in_peace(stack: Stack, undisturbed: str) -> None:
    flows = stack.flows
    flows.parsed("shaken")
    follower = flows.follower("shaken")
    flows.trigger("shaken.training")
    crash(flows.caught("shaken.training", "train")["hostname"])
    flows.caught("shaken.retraining", "train")
    crash(stack.place.containers("scheduler")[0]["Name"])
    stack.rest("shaken, after its worker and the scheduler crashed", follower)
    stack.place.healthy()
    assert (stack.champion("shaken"), stack.digest("shaken")) == ("2", undisturbed)


def amid_a_training(flows: Flows, project: str) -> Follower:
    """Whoever follows the project's loop, once its training fits a candidate."""
    flows.parsed(project)
    follower = flows.follower(project)
    flows.trigger(f"{project}.training")
    flows.caught(f"{project}.training", "train")
    return follower


def test_stopped_for_an_upgrade_amid_a_training_workers_end_what_they_run(stack: Stack, undisturbed: str) -> None:
    flows = stack.flows
    follower = amid_a_training(flows, "raced")
    with timed("stop of worker and scheduler amid a training"):
        stack.place.compose("stop", "worker", "scheduler")
    assert {c["ExitCode"] for c in stack.place.containers("worker")} == {0}
    stack.place.compose("up", "--detach", "--scale", "worker=3")
    stack.rest("raced, stopped and started", follower)
    assert max(ti["try_number"] for ti in flows.tasks("raced.training")) == 1, "nothing had to be tried again"


def test_stopped_everything_ends_with_0_and_comes_back_as_it_was(stack: Stack, undisturbed: str) -> None:
    with timed("stop of everything"):
        stack.place.compose("stop")
    ended = {c["Name"]: c["ExitCode"] for c in stack.place.containers()}
    assert {name: code for name, code in ended.items() if code != 0} == {}
    with timed("start, until all are healthy"):
        stack.place.compose("start")
        stack.place.healthy()
    assert (stack.served("kobe_shots"), stack.digest("kobe_shots")) == ("2", undisturbed)


@pytest.mark.skipif("RESTART_DOCKER" not in os.environ, reason="stops whatever else Docker runs here")
def test_docker_itself_is_restarted_amid_a_training_and_it_ends_as_when_left_in_peace(
    stack: Stack, undisturbed: str
) -> None:
    flows = stack.flows
    follower = amid_a_training(flows, "resumed")
    with timed("restart of Docker amid a training, until all are healthy"):
        subprocess.run(shlex.split(os.environ["RESTART_DOCKER"]), check=True)
        stack.place.healthy()
    stack.rest("resumed, after Docker was restarted", follower)
    assert (stack.champion("resumed"), stack.digest("resumed")) == ("2", undisturbed)


def test_a_backup_restored_into_an_empty_place_goes_on_with_the_same_champion(
    stack: Stack, undisturbed: str, settings, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)  # init is somebody else
    once = ("run", "--rm", "--volume", f"{tmp_path}:/backup", "init", *BACKUP)
    with timed("backup"):
        stack.place.compose(*once, "save", "/backup/first")
    stack.place.compose("stop")  # its ports are those of the other, too
    empty = replace(stack.place, name="shotclock-test-restored")
    try:
        with timed("restore into an empty place, until all are healthy"):
            empty.compose("up", "--detach", "postgres", "redis", "s3")
            empty.compose(*once, "restore", "/backup/first")
            empty.compose("up", "--detach")
            empty.healthy()
        restored = seen(empty, settings)
        assert (restored.champion("kobe_shots"), restored.digest("kobe_shots")) == ("2", undisturbed)
        empty.run("shotclock", "score", "kobe_shots")
        assert restored.digest("kobe_shots") == undisturbed
        assert restored.flows.trigger("kobe_shots.monitoring")
    finally:
        empty.down()
