"""A running stack: Airflow's processes (and MLflow's server), watched, started again where one ends, and ended together."""

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, falls, lock, mlflow_login, ports, processes
from shotclock_launcher.running.environment import CHAIN_PAUSE, airflow_environment
from shotclock_launcher.running.guardian import Guardian
from shotclock_launcher.running.preparation import prepare, tail
from shotclock_launcher.running.services import (
    Service,
    airflow_services,
    dashboard_service,
    mlflow_service,
    serving_service,
)
from shotclock_launcher.running.signals import undisturbed

_TAIL = 25


@dataclass
class Watched:
    """A service at work. `fell`: how often it ended since it was sound; `due`: when it is started again, if it is down."""

    service: Service
    process: subprocess.Popen[bytes]
    started: float
    fell: int = 0
    due: float | None = None


@dataclass
class Stack:
    """The processes of one start. `check` is to be called again and again while it runs."""

    layout: Layout
    id: str
    login: credentials.Login
    env: dict[str, str]
    started: float = field(default_factory=time.time)  # seconds since 1970, as Airflow's heartbeats are
    _running: list[Watched] = field(default_factory=list)

    def start(self, services: Sequence[Service]) -> None:
        say(f"starting {', '.join(service.name for service in services)}")
        self._running += [Watched(service, self._launch(service), time.monotonic()) for service in services]

    def spawn(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process of this stack; its output goes to `<name>.log`, that of the start before is in `.log.1`."""
        log = self.layout.logs / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        return processes.spawn(command, {**self.env, **(environment or {})}, log, self.id, self.layout.settings.home)

    def check(self) -> None:
        """Start again what has ended by itself, when its pause is over.

        Raises:
            LaunchError: one has ended too often; the message says which, how, and shows the last lines of its log.
        """
        now = time.monotonic()
        for watched in self._running:
            if watched.due is None and watched.process.poll() is not None:
                self._fell(watched, now)
            elif watched.due is not None and now >= watched.due:
                watched.process, watched.started, watched.due = self._launch(watched.service), now, None

    def _launch(self, service: Service) -> subprocess.Popen[bytes]:
        return self.spawn(service.name, service.command, {**service.environment, processes.SERVICE: service.name})

    def _fell(self, watched: Watched, now: float) -> None:
        """What it forked goes first: two schedulers' worth of tasks, or a port that is still held, would be no new start."""
        name, how = watched.service.name, _how(watched.process.returncode)
        processes.kill(self.id, name)
        watched.fell = 1 if now - watched.started > falls.STEADY else watched.fell + 1
        again = dict(enumerate(falls.PAUSES, start=1)).get(watched.fell)
        falls.note(self.layout.falls, self.id, name, how, again)
        log = self.layout.logs / f"{name}.log"
        if again is None:
            raise LaunchError(
                f"{name} ended by itself {watched.fell} times, at last {how}; its last lines:\n"
                f"{tail(log, _TAIL)}\nall of it: {log}"
            )
        say(f"{name} ended by itself, {how}; it is started again in {again:.0f} s, and what it said is in {log}.1")
        watched.due = now + again

    def end(self) -> None:
        """End every process of the stack, forked ones included."""
        processes.end(self.id)
        for watched in self._running:
            watched.process.wait()


@contextmanager
def running(
    layout: Layout,
    *,
    only: str | None = None,
    mlflow: bool = False,
    serving: bool = False,
    dashboard: bool = False,
    pause: float = CHAIN_PAUSE,
) -> Iterator[Stack]:
    """Start a stack, and end all of it on the way out; a guardian does so if this process cannot.

    Args:
        only: the one project that gets DAGs: no schedule of another one starts anything.
        mlflow, serving, dashboard: whether MLflow's pages, the endpoint and the dashboard are wanted.
        pause: seconds that an idle scheduler sleeps before it looks again.

    Raises:
        LaunchError: another stack runs here, a port is in use, a database could not be made ready, or MLflow would refuse the
            password.
    """
    layout.make_folders()
    name = uuid.uuid4().hex
    with lock.only_one(layout.lock, name) as before:
        _end_leftovers(before)
        _check_ports(layout, mlflow=mlflow, serving=serving, dashboard=dashboard)
        env = airflow_environment(layout, credentials.keys(layout.airflow), only=only, pause=pause)
        stack = Stack(layout, name, credentials.login(layout.airflow), env)
        pages = _pages(layout, stack.login, mlflow=mlflow, serving=serving, dashboard=dashboard)
        guardian = Guardian(name, layout.logs / "guardian.log")
        try:
            preparing = prepare(layout, stack.spawn)
            stack.start(airflow_services())
            for one in preparing:
                one.finish()
            for service in pages:
                stack.start([service])
            yield stack
        finally:
            with undisturbed():
                say("stopping")
                stack.end()
                guardian.release()


def _pages(layout: Layout, login: credentials.Login, *, mlflow: bool, serving: bool, dashboard: bool) -> list[Service]:
    return [
        *([mlflow_service(layout, mlflow_login.environment(layout, login))] if mlflow else []),
        *([dashboard_service(layout, login)] if dashboard else []),
        *([serving_service(layout)] if serving else []),
    ]


def _end_leftovers(before: str | None) -> None:
    ended = processes.end(before) if before else 0
    if ended:
        say(f"ended {ended} processes that an earlier start had left behind")


def _check_ports(layout: Layout, *, mlflow: bool, serving: bool, dashboard: bool) -> None:
    ports.check_free("Airflow UI", layout.port, "SHOTCLOCK_PORT")
    if mlflow:
        ports.check_free("MLflow UI", layout.mlflow_port, "SHOTCLOCK_MLFLOW_PORT")
    if serving:
        ports.check_free("endpoint", layout.serving_port, "SHOTCLOCK_SERVING_PORT")
    if dashboard:
        ports.check_free("dashboard", layout.dashboard_port, "SHOTCLOCK_DASHBOARD_PORT")


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"
