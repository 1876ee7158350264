"""Runs the services of docker-compose.yaml without a container engine, in Linux namespaces as one would make them.

Every container has its own network address, host name, processes and mounts; the services find one another by name. The
image is laid out from the Dockerfile: its folders, environment and user. The images of others are replaced by programs of
this machine (`images/`). Needs root, as a container engine does.
"""

import ctypes
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

import psutil
import pytest
from compose import ROOT, Image, Service

HERE = Path(__file__).parent
PASSED_ON = {"postgres": [str(HERE / "images" / "postgres.sh")], "redis": [str(HERE / "images" / "redis.sh")]}
PASSED_ON["chrislusf/seaweedfs"] = [sys.executable, str(HERE / "images" / "object_store.py")]
OF_AN_IMAGE = {
    "postgres": ["/var/run/postgresql"]
}  # folders that a container has for itself, whatever this machine has there
NEW_NETWORK, NEW_MOUNTS, OWN_FOLDER = 0x40000000, 0x00020000, 0x00000200
NETWORK = "10.88.0"
ALONE = Path(tempfile.gettempdir()) / "shotclock-containers.lock"
AGAIN = 1.0  # seconds until a container that ended is started again
BETWEEN = 1.0  # seconds between two looks at a service that is not healthy yet
PATIENCE = 900.0  # seconds for whatever comes to pass by itself; only a test that fails waits so long


class UnhealthyError(Exception):
    """A service did not become healthy, or a service that runs once failed. The message holds its last words."""


@dataclass
class Container:
    name: str
    service: Service
    address: str
    process: subprocess.Popen | None = None
    healthy: bool = False
    asked: subprocess.Popen | None = None  # the health check under way
    begun: float = 0.0  # when it was started first
    started: float = 0.0
    due: float | None = None  # when it is to be started again
    starts: int = 0

    @property
    def init(self) -> psutil.Process | None:
        """The first process inside, or None where nothing runs."""
        with suppress(psutil.NoSuchProcess):
            if self.process and self.process.poll() is None:
                return next(iter(psutil.Process(self.process.pid).children()), None)
        return None


@dataclass
class Engine:
    """`start` brings the services up in the order of what they need; what ends after that is started again meanwhile."""

    folder: Path
    services: dict[str, Service]
    image: Image
    scale: dict[str, int] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    fault: UnhealthyError | None = None
    _made: list[Path] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        names = [(name, n) for name in self.services for n in range(1, self.scale.get(name, 1) + 1)]
        for place, (name, number) in enumerate(names, start=2):
            container = f"{name}-{number}"
            self.containers[container] = Container(container, self.services[name], f"{NETWORK}.{place}")

    def start(self, *wanted: str) -> None:
        """Start the named services, or all, each when what it needs is there, and wait until all are healthy.

        Raises:
            UnhealthyError: one of them is not, or one that runs once has failed.
        """
        pending = self._with_needs(wanted or tuple(self.services))
        mine = [c for c in self.containers.values() if c.service.name in pending]
        while not all(self._settled(container) for container in mine):
            if self.fault:
                raise self.fault
            for container in mine:
                if container.starts == 0 and all(self._met(*need) for need in container.service.needs.items()):
                    with self._one_at_a_time:
                        self._run(container)
                self._look(container)
            time.sleep(0.1)

    def tend(self, over: threading.Event) -> None:
        """Do what the restart policies ask for, until it is over."""
        while not over.wait(0.2):
            with self._one_at_a_time:
                for container in self.containers.values():
                    if container.process is not None and container.process.poll() is not None:
                        self._after(container, container.process.returncode)

    def _after(self, container: Container, code: int) -> None:
        name, policy = container.service.name, container.service.restart
        if policy.startswith("on-failure") and code == 0:
            self.done.add(name)
        elif policy.startswith("on-failure") and container.starts > int(policy.partition(":")[2]):
            self.fault = UnhealthyError(
                f"{container.name} failed {container.starts} times:\n{self.log(container.name)}"
            )
        elif container.due is None:
            container.due = time.monotonic() + AGAIN
        elif time.monotonic() >= container.due:
            self._run(container)

    def kill(self, name: str, *, down: float = 0.0) -> None:
        """`docker kill`: every process of the container is gone at once; it comes back `down` seconds later."""
        container = self.containers[name]
        first = eventually(f"a process of {name}", lambda: container.init)
        with self._one_at_a_time:
            with suppress(psutil.NoSuchProcess):  # it has ended by itself just now
                first.kill()
            container.process.wait()
            container.due = time.monotonic() + max(down, AGAIN)

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """`docker pause`, for a block: its processes stand still, and whoever asks the service waits."""
        first = eventually(f"a process of {name}", lambda: self.containers[name].init)
        still = [first, *first.children(recursive=True)]
        for process in still:
            process.suspend()
        try:
            yield
        finally:
            for process in still:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def execute(self, name: str, *command: str, **options) -> subprocess.CompletedProcess:
        """`docker exec`."""
        container = self.containers[name]
        inside = self._inside(container, container.init, list(command))
        return subprocess.run(inside, capture_output=True, text=True, check=False, **options)

    def run(self, service: str, *command: str, **environment: str) -> subprocess.CompletedProcess:
        """`docker compose run --rm`: another command in a container of the service's own."""
        own = self.services[service]
        once = Service(**{**own.__dict__, "command": list(command), "environment": own.environment | environment})
        container = Container(f"{service}-run", once, f"{NETWORK}.250")
        self._run(container)
        container.process.wait()
        self._remove_network(container)
        return subprocess.CompletedProcess(command, container.process.returncode, self.log(container.name, 10**6), "")

    def log(self, name: str, last: int = 4000) -> str:
        file = self.folder / "log" / f"{name}.log"
        return file.read_text("utf-8", errors="replace")[-last:] if file.exists() else ""

    def volume(self, name: str) -> Path:
        return self.folder / "volumes" / name

    def end(self) -> None:
        for container in self.containers.values():
            if init := container.init:
                init.kill()
        for container in self.containers.values():
            if container.process:
                container.process.wait()
        for path in reversed(self._made):
            with suppress(OSError):  # something is mounted or was left in it
                path.rmdir()

    # What a container is made of

    def _run(self, container: Container) -> None:
        self._remove_network(container)
        place = int(container.address.rpartition(".")[2])
        cable = f"v{place}-{container.starts}"  # the one before may take a while to go
        card = f"02:42:0a:58:00:{place:02x}"  # goes with the address: others reach it again at once
        commands = [
            f"ip netns add {container.name}",
            f"ip link add {cable} type veth peer name eth0 address {card} netns {container.name}",
            f"ip link set {cable} master bridge up",
            f"ip -n {container.name} addr add {container.address}/24 dev eth0",
            f"ip -n {container.name} link set eth0 up",
            f"ip -n {container.name} link set lo up",
        ]
        for command in commands:
            subprocess.run(command.split(), check=True)
        script = "\n".join([f"hostname {container.name}", *self._mounts(container.service), *self._entry(container)])
        namespaces = ["--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        guard = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", container.name]  # nothing outlives the tests
        (self.folder / "log").mkdir(exist_ok=True)
        with (self.folder / "log" / f"{container.name}.log").open("ab") as log:
            container.process = subprocess.Popen(
                [*guard, "unshare", *namespaces, "/bin/bash", "-euc", script],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        container.started, container.due, container.healthy = time.monotonic(), None, False
        container.begun = container.begun or container.started
        container.starts += 1

    def _remove_network(self, container: Container) -> None:
        subprocess.run(["ip", "netns", "delete", container.name], stderr=subprocess.DEVNULL, check=False)

    def _mounts(self, service: Service) -> Iterator[str]:
        yield f"mount --bind {self.folder}/passwd /etc/passwd"
        for folder in OF_AN_IMAGE.get(service.name, []):
            self._make(Path(folder))
            yield f"mount -t tmpfs tmpfs {folder}"
        if service.ours:
            yield from self._laid_out()
        for source, target, read_only in service.volumes:
            place = Path(source) if source.startswith("/") else self._named(source, service, target)
            if not (service.ours and target.startswith(self.image.folder)):
                self._make(Path(target))
            yield f"mkdir -p {target} && mount --bind {shlex.quote(str(place))} {target}"
            if read_only:
                yield f"mount -o remount,bind,ro {target}"
        if service.ours:
            yield f"cd {self.image.folder}"

    def _laid_out(self) -> Iterator[str]:
        """The image's folder: what the Dockerfile copies and makes, over a file system that goes with the container."""
        folder = self.image.folder
        self._make(Path(folder))
        yield f"mount -t tmpfs -o mode=0755 tmpfs {folder} && cd {folder}"
        for source, target in self.image.copies:
            yield f"mkdir -p {target} && mount --bind -o ro {ROOT / source} {target}"
        yield from self.image.commands

    def _named(self, name: str, service: Service, target: str) -> Path:
        """A named volume; a new one has the owner of the image's folder in its place."""
        path = self.volume(name)
        if not path.exists():
            path.mkdir(parents=True)
            if service.ours:
                os.chown(path, int(self.image.user), 0)
                path.chmod(0o775)
        return path

    def _make(self, path: Path) -> None:
        for folder in [path, *path.parents][::-1]:
            if not folder.exists():
                folder.mkdir()
                self._made.append(folder)

    def _entry(self, container: Container) -> Iterator[str]:
        yield f"exec {shlex.join(self._as(container, container.service.command, entry=True))}"

    def _as(self, container: Container, command: list[str], *, entry: bool) -> list[str]:
        """The command with the environment, and as the user, that it has inside."""
        service, path = container.service, os.environ.get("PATH", os.defpath)
        known = {"PATH": path, "HOSTNAME": container.name, "LANG": "C.UTF-8", "HOME": "/root"}
        if not service.ours:
            emulation = PASSED_ON[service.image.partition(":")[0]] if entry else []
            return ["env", "-i", *_pairs(known | service.environment), *emulation, *command]
        image = {name: value.replace("$PATH", path) for name, value in self.image.environment.items()}
        known |= image | {"HOME": f"{self.image.folder}/var"} | service.environment
        # what is read may belong to anybody, since nothing was copied into an image; what is written may not
        reading = ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]
        user = ["--reuid", self.image.user, "--regid", "0", "--clear-groups"]
        guard = ["--pdeathsig", "KILL"] if entry else []  # which a change of the user undoes
        return ["setpriv", *user, *reading, *guard, "env", "-i", *_pairs(known), *command]

    def _inside(self, container: Container, init: psutil.Process, command: list[str]) -> list[str]:
        here = ["nsenter", "--target", str(init.pid), "--net", "--uts", "--mount", "--pid"]
        folder = [f"--wd={self.image.folder}"] if container.service.ours else []
        return [*here, *folder, "--", *self._as(container, command, entry=False)]

    # How it is doing

    def _with_needs(self, names: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        for name in names:
            found |= {name} | self._with_needs(tuple(self.services[name].needs))
        return found

    def _met(self, service: str, condition: str) -> bool:
        if condition == "service_completed_successfully":
            return service in self.done
        assert condition == "service_healthy", condition
        return all(c.healthy for c in self.containers.values() if c.service.name == service)

    def _settled(self, container: Container) -> bool:
        return container.healthy if container.service.check else container.service.name in self.done

    def _look(self, container: Container) -> None:
        """Go on with the health check of a container that is not known to be healthy."""
        check = container.service.check
        if check is None or container.healthy or container.starts == 0:
            return
        if time.monotonic() - container.begun > check.patience:
            raise UnhealthyError(f"{container.name}: unhealthy; its last words:\n{self.log(container.name)}")
        if container.asked is None:
            init = container.init
            if init and time.monotonic() - container.started > BETWEEN:
                command = ["timeout", str(check.timeout), *self._inside(container, init, check.command)]
                container.asked = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        elif container.asked.poll() is not None:
            container.healthy, container.asked = container.asked.returncode == 0, None


def _pairs(environment: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


@contextmanager
def running(folder: Path, services: dict[str, Service], scale: dict[str, int] | None = None) -> Iterator[Engine]:
    """An engine with nothing started; when the block ends, nothing is left of it.

    Folders of this machine are what containers mount on, and who removes one takes away what others have mounted there: so one
    process at a time has engines, until it ends.
    """
    fcntl.flock(_alone(), fcntl.LOCK_EX)
    image = Image.of((ROOT / "Dockerfile").read_text("utf-8"))
    engine = Engine(folder, services, image, scale or {})
    users = Path("/etc/passwd").read_text("utf-8")
    (folder / "passwd").write_text(f"{users}shotclock:x:{image.user}:0::{image.folder}/var:/bin/sh\n", "utf-8")
    with ended_in_order(), _own_network(folder, engine):
        over = threading.Event()
        tending = threading.Thread(target=engine.tend, args=[over])
        tending.start()
        try:
            yield engine
        finally:
            over.set()
            tending.join()
            engine.end()


@cache
def _alone() -> IO[bytes]:
    return ALONE.open("ab")


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM, of `timeout` or of a CI, ends the tests as Ctrl-C does: what runs here is taken down."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _own_network(folder: Path, engine: Engine) -> Iterator[None]:
    """This process in a network and a view of the mounts of its own, in which the names of the services are known."""
    names = [f"127.0.0.1 localhost {os.uname().nodename}"]
    names += [
        f"{c.address} {c.name} {c.service.name if c.name.endswith('-1') else ''}" for c in engine.containers.values()
    ]
    (folder / "hosts").write_text("\n".join([*names, f"{NETWORK}.250 run"]) + "\n", "utf-8")
    before = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")]
    libc, here = ctypes.CDLL(None, use_errno=True), Path.cwd()
    if libc.unshare(NEW_NETWORK | NEW_MOUNTS) != 0:
        pytest.skip(f"no namespaces for containers here: {os.strerror(ctypes.get_errno())}")
    try:
        for command in (
            "mount --make-rprivate /",
            f"mount --bind {folder}/hosts /etc/hosts",
            "mkdir -p /run/netns",
            "mount -t tmpfs tmpfs /run/netns",
            "ip link set lo up",
            "ip link add bridge type bridge",
            f"ip addr add {NETWORK}.1/24 dev bridge",
            "ip link set bridge up",
        ):
            subprocess.run(shlex.split(command), check=True)
        yield
    finally:
        libc.unshare(OWN_FOLDER)  # not to be asked of one who shares it with threads, which libraries may have started
        for descriptor in before:
            if libc.setns(descriptor, 0) != 0:
                raise OSError(ctypes.get_errno(), "cannot leave the containers' network")
            os.close(descriptor)
        os.chdir(here)


def eventually(what: str, holds: Callable[[], object], seconds: float = PATIENCE, between: float = 0.3):
    """Wait until `holds`, asked again after `between` seconds, gives something true, and return that."""
    until = time.monotonic() + seconds
    while True:
        if found := holds():
            return found
        assert time.monotonic() < until, f"{what}: not there after {seconds:.0f} s"
        time.sleep(between)
