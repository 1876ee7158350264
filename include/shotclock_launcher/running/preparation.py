"""What must stand before the first start: Airflow's database and the MLflow store. Later starts find a stamp."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout

Spawn = Callable[[str, tuple[str, ...]], subprocess.Popen[bytes]]
_TAIL = 15


@dataclass(frozen=True)
class Preparation:
    """A command that makes or migrates `database`. The stamp beside it names the version that did so last."""

    name: str
    command: tuple[str, ...]
    database: Path
    version: str

    @property
    def stamp(self) -> Path:
        return self.database.with_suffix(".ready")

    def is_done(self) -> bool:
        return self.database.is_file() and self.stamp.is_file() and self.stamp.read_text("utf-8") == self.version

    def mark_done(self) -> None:
        self.stamp.write_text(self.version, encoding="utf-8")


def prepare(layout: Layout, spawn: Spawn) -> None:
    """Make or migrate both databases, side by side, where that is due.

    Raises:
        LaunchError: one of them could not be made; the message ends with what its program said.
    """
    due = [step for step in preparations(layout) if not step.is_done()]
    if not due:
        return
    say(f"preparing {' and '.join(step.name for step in due)}")
    running = [(step, spawn(step.database.stem, step.command)) for step in due]
    for step, process in running:
        if process.wait() != 0:
            log = layout.logs / f"{step.database.stem}.log"
            raise LaunchError(f"{step.name} could not be made ready:\n{tail(log, _TAIL)}\nall of it: {log}")
        step.mark_done()


def tail(log: Path, lines: int) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""


def preparations(layout: Layout) -> list[Preparation]:
    """What the databases of this layout need, whether or not it was done."""
    airflow = Preparation(
        "Airflow's database",
        (sys.executable, "-m", "airflow", "db", "migrate"),
        layout.database,
        f"apache-airflow-core {importlib.metadata.version('apache-airflow-core')}",
    )
    if layout.store is None:  # a server's store is the server's business
        return [airflow]
    store = "from shotclock.store.database import prepare_store; prepare_store()"
    version = f"mlflow {importlib.metadata.version('mlflow')}"
    return [airflow, Preparation("the MLflow store", (sys.executable, "-c", store), layout.store, version)]
