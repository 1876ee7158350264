"""Tuning with PyCaret: in a process of PyCaret's own environment, for it allows no library that is newer than of 2024.

Only data crosses: rows, folds, settings and descriptions of pipelines there, log losses back. See `pycaret_program.py`,
which is that process, and docs/decisions/0002-pycaret-behind-one-module.md.
"""

import inspect
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError
from sklearn.base import BaseEstimator

from shotclock.errors import ConfigError, SearchBrokenOffError, SearchError
from shotclock.models.candidates.algorithms import Entry, in_pipeline
from shotclock.models.searched import Folds, Search, Tried

REMEDY = (
    "make env, with a project file that has `backend: pycaret`, makes the environment; SHOTCLOCK_PYCARET_PYTHON names another "
    "Python; training.backend: scikit-learn needs none"
)
_PROGRAM = Path(__file__).with_name("pycaret_program.py")
_TOLD = 2000  # characters of what the process wrote last
_HANDED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SHOTCLOCK_STACK",
)  # no secret is among them
_FIXED = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),  # on fits this small more threads cost time
    "PYCARET_CUSTOM_LOGGING_PATH": os.devnull,  # its import opens that file, by default ./logs.log
}


@dataclass(frozen=True)
class _Found:
    """What the process answers for one candidate."""

    log_losses: list[list[float]]
    best: int
    folds: Folds


_ANSWER = TypeAdapter(list[_Found])


@dataclass(frozen=True)
class PyCaret:
    """Compares and tunes all entries in one process, for its import alone takes seconds.

    Attributes:
        python: the interpreter of PyCaret's environment.
        limit: how long the process may take; then it is ended, with its children.
    """

    python: Path
    limit: timedelta

    def search(self, entries: Sequence[Entry]) -> list[Search]:
        """What PyCaret found for each entry.

        Raises:
            ConfigError: the interpreter is not there, or cannot be started.
            SearchError: the process failed, took longer than its limit, or answered something else.
        """
        with TemporaryDirectory(prefix="shotclock-pycaret-") as name:
            folder = Path(name)
            (folder / "request.json").write_text(json.dumps(_request(entries, folder)), "utf-8")
            with (folder / "log").open("w+b") as log:
                self._run(folder, log)
                return _read(folder / "answer.json", entries, _end_of(log))

    def _run(self, folder: Path, log: Any) -> None:
        process = self._start(folder, log)
        with process:
            try:
                status = process.wait(self.limit.total_seconds())
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise SearchError(
                    f"the search with PyCaret took longer than {self.limit} and was ended; raise training.search_minutes, or "
                    f"lower training.iterations. It wrote last: {_end_of(log)}"
                ) from error
            except BaseException:
                _end(process)
                raise
        if status < 0:
            raise SearchBrokenOffError(
                f"the search with PyCaret was killed by {signal.Signals(-status).name}, expected it to end by itself; give it "
                f"more memory, or try again. It wrote last: {_end_of(log)}"
            )
        if status:
            raise SearchError(f"the search with PyCaret by {self.python} failed: {_end_of(log)}. If it lacks: {REMEDY}")

    def _start(self, folder: Path, log: Any) -> "subprocess.Popen[bytes]":
        """The process, in a group of its own. It ends when the pipe to it does, whatever becomes of this one."""
        try:
            return subprocess.Popen(
                [self.python, "-I", _PROGRAM, folder],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise _unusable(self.python, error.strerror) from error


def installed(python: Path) -> str:
    """Which PyCaret that interpreter has.

    Raises:
        ConfigError: none, or another than the one that is needed.
    """
    command = [str(python), "-I", str(_PROGRAM), "--check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=_environment())
    except OSError as error:
        raise _unusable(python, error.strerror) from error
    except subprocess.TimeoutExpired as error:
        raise _unusable(python, "no answer in a minute") from error
    if done.returncode:
        raise _unusable(python, done.stderr.strip()[-_TOLD:].rpartition("\n")[2])
    return done.stdout.strip()


def _unusable(python: Path, found: str | None) -> ConfigError:
    return ConfigError(f"PyCaret's Python, {python}: {found}, expected one with PyCaret; {REMEDY}")


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _HANDED_ON if name in os.environ} | _FIXED


def _end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own


def _end_of(log: Any) -> str:
    log.seek(max(log.seek(0, os.SEEK_END) - _TOLD, 0))
    return log.read().decode("utf-8", "replace").strip() or "nothing"


def _request(entries: Sequence[Entry], folder: Path) -> dict[str, Any]:
    """What is asked; the tables are written to the folder, each once."""
    numbers: dict[tuple[int, int, int], int] = {}
    tables: list[dict[str, Any]] = []
    candidates = []
    for entry in entries:
        key = (id(entry.rows), entry.plan.folds, entry.plan.seed)
        if key not in numbers:
            numbers[key] = len(tables)
            tables.append(_written(entry, folder, len(tables)))
        candidates.append(
            {
                "name": entry.name,
                "table": numbers[key],
                "pipeline": described(entry.plan.pipeline({})),
                "settings": [in_pipeline(settings) for settings in entry.plan.settings],
            }
        )
    return {"tables": tables, "candidates": candidates}


def _written(entry: Entry, folder: Path, number: int) -> dict[str, Any]:
    files = {name: f"{number}.{name}.parquet" for name in ("rows", "labels")}
    features = entry.rows.features.reset_index(drop=True)
    named = [f"feature_{place}" for place in range(features.shape[1])]  # pipelines know columns by their places
    features.set_axis(named, axis=1).to_parquet(folder / files["rows"])
    held_out = entry.plan.held_out(entry.rows.labels)
    pd.DataFrame({"label": entry.rows.labels, "held_out": held_out}).to_parquet(folder / files["labels"])
    return {**files, "seed": entry.plan.seed}


def described(value: Any) -> Any:
    """An estimator of scikit-learn as data: its class, and what it was given besides its library's defaults.

    Raises:
        ConfigError: it holds something that another release of the library could not be handed as data.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [described(one) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [described(one) for one in value]}
    if isinstance(value, BaseEstimator) and type(value).__module__.startswith("sklearn."):
        return {"class": _public_name(type(value)), "settings": {k: described(v) for k, v in _given(value).items()}}
    raise ConfigError(
        f"training.backend: found a pipeline with {type(value).__name__} in it, expected scikit-learn's own estimators, "
        "numbers and text, for pycaret gets it as data; set training.backend to scikit-learn"
    )


def _public_name(kind: type) -> str:
    """`sklearn.tree.DecisionTreeClassifier`, wherever this release keeps it."""
    packages = kind.__module__.split(".")
    public = next((i for i, name in enumerate(packages) if name.startswith("_")), len(packages))
    return ".".join([*packages[:public], kind.__name__])


def _given(estimator: BaseEstimator) -> Mapping[str, Any]:
    defaults = inspect.signature(type(estimator)).parameters
    values = estimator.get_params(deep=False)
    return {name: value for name, value in values.items() if value is not defaults[name].default}


def _read(answer: Path, entries: Sequence[Entry], log: str) -> list[Search]:
    try:
        found = _ANSWER.validate_json(answer.read_bytes())
        return [_as_search(entry, one) for entry, one in zip(entries, found, strict=True)]
    except (OSError, ValidationError, ValueError) as error:
        raise SearchError(
            f"the search with PyCaret ended without the answer that was asked for: {str(error)[:_TOLD]}; {REMEDY}. It wrote "
            f"last: {log}"
        ) from error


def _as_search(entry: Entry, found: _Found) -> Search:
    settings = entry.plan.settings
    if not 0 <= found.best < len(settings) or {len(found.folds), *map(len, found.log_losses)} != {entry.plan.folds}:
        raise ValueError(
            f"{entry.name}: figures of {entry.plan.folds} folds were asked for, and which setting is the best"
        )
    tried = tuple(Tried(one, tuple(losses)) for one, losses in zip(settings, found.log_losses, strict=True))
    return Search("pycaret", tried, found.best, found.folds)
