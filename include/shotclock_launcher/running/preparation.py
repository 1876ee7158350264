"""What must stand before the first start: Airflow's database and the MLflow store. Later starts find a stamp."""

import hashlib
import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout

Spawn = Callable[[str, tuple[str, ...]], subprocess.Popen[bytes]]
_TAIL = 15


@dataclass(frozen=True)
class Preparation:
    """A command that makes or migrates `database`. The stamp beside it names the version that did so last.

    `template` is the database as the same version made it in another folder, before anything was written to it.
    """

    name: str
    command: tuple[str, ...]
    database: Path
    version: str
    template: Path | None = None

    @property
    def stamp(self) -> Path:
        return self.database.with_suffix(".ready")

    def is_done(self) -> bool:
        return self.database.is_file() and self.stamp.is_file() and self.stamp.read_text("utf-8") == self.version

    def mark_done(self) -> None:
        self.stamp.write_text(self.version, encoding="utf-8")

    def copy_template(self) -> bool:
        """Begin with a copy of the template, where there is one and no database yet."""
        if self.template is None or not self.template.is_file() or self.database.exists():
            return False
        partial = self.database.with_suffix(".partial")
        shutil.copyfile(self.template, partial)
        for ending in ("-wal", "-shm"):  # of a database that somebody removed: SQLite would write it into this one
            self.database.with_name(f"{self.database.name}{ending}").unlink(missing_ok=True)
        partial.replace(self.database)
        self.mark_done()
        return True

    def keep_template(self) -> None:
        """Keep the database that was just made. Without a folder to keep it in, the next one takes its seconds again."""
        if self.template is None:
            return
        partial = self.template.with_suffix(f".{os.getpid()}")
        try:
            self.template.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.database)) as made, closing(sqlite3.connect(partial)) as kept:
                made.backup(kept)
            partial.replace(self.template)
        except (OSError, sqlite3.Error) as error:
            say(f"{self.name} is kept for no other folder: {self.template.parent}: {error}")


@dataclass(frozen=True)
class Preparing:
    """A preparation at work; `new`: there was no database before."""

    step: Preparation
    process: subprocess.Popen[bytes]
    log: Path
    new: bool

    def finish(self) -> None:
        """Wait for it.

        Raises:
            LaunchError: the database could not be made; the message ends with what its program said.
        """
        if self.process.wait() != 0:
            said = tail(self.log, _TAIL)
            raise LaunchError(f"{self.step.name} could not be made ready:\n{said}\nall of it: {self.log}")
        self.step.mark_done()
        if self.new:
            self.step.keep_template()


def prepare(layout: Layout, spawn: Spawn) -> list[Preparing]:
    """Make or migrate both databases, side by side, where that is due.

    Returns:
        What is still at work, to be finished before anybody asks for something: a new MLflow store. Airflow's programs, which
        import for seconds, may start meanwhile; an old store might be migrated under the hands of tasks that go on.

    Raises:
        LaunchError: one of them could not be made.
    """
    _write_config(layout)
    due = [step for step in preparations(layout) if not step.is_done() and not step.copy_template()]
    if due:
        say(f"preparing {' and '.join(step.name for step in due)}")
    begun = [_begin(step, layout, spawn) for step in due]
    later = [one for one in begun if one.new and one.step.database == layout.store]
    for one in begun:
        if one not in later:
            one.finish()
    return later


def _begin(step: Preparation, layout: Layout, spawn: Spawn) -> Preparing:
    new, name = not step.database.exists(), step.database.stem
    return Preparing(step, spawn(name, step.command), layout.logs / f"{name}.log", new)


def _write_config(layout: Layout) -> None:
    """An empty one: all settings come from the environment. Otherwise each process would write one, with the keys in it."""
    path = layout.airflow / "airflow.cfg"
    if not path.exists():
        path.write_text("# Shotclock's launcher sets all of it by environment variables, which come first.\n", "utf-8")


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
        layout.cache / f"airflow-{_digest(layout)}.db" if layout.cache else None,
    )
    if layout.store is None:  # a server's store is the server's business
        return [airflow]
    store = "from shotclock.store.server.database import prepare_store; prepare_store()"
    version = f"mlflow {importlib.metadata.version('mlflow')}"
    return [airflow, Preparation("the MLflow store", (sys.executable, "-c", store), layout.store, version)]


def _digest(layout: Layout) -> str:
    """Of what a new database depends on: Airflow and its providers, some of which have tables of their own, and settings."""
    site = Path(str(importlib.metadata.distribution("apache-airflow-core").locate_file("")))
    installed = sorted(path.name for path in site.glob("apache_airflow*.dist-info"))
    told = repr((installed, (layout.config / "common.env").read_text("utf-8")))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
