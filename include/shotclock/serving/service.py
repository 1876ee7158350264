"""Which version answers for each project, and how a promotion is taken over: load, try, and only then exchange.

A thread of its own asks the store. Requests never wait for it: they take the version that stands there when they come.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import project_names
from shotclock.errors import ConfigError, StoreError
from shotclock.models.predictor import without_names
from shotclock.rows import contract, parts
from shotclock.rows.values import Input
from shotclock.serving import protocol
from shotclock.serving.rules import NO_RULES, Rules, rules_of
from shotclock.store.server import database
from shotclock.store.versions import registry

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

POLL = 1.0  # seconds between two looks at the store,
_SHARE = (
    20  # or this many times the processor time that a look took: many projects must not keep a core busy with looking
)
_LONGEST = 10.0  # seconds; a look that took a version over costs more than those after it
_AGAIN = 30.0  # seconds until a version that could not be taken over is tried again: its store may have been away


@dataclass(frozen=True)
class Loaded:
    """A version that answers.

    Attributes:
        features: the columns that it was trained on, in their order. A request brings `asked`.
        read: makes of a request's body what `predict` takes.
        example: a row that it was tried on, one value for each feature.
        since: when it began to answer, in seconds since 1970.
        rules: what its project's contract says of the rows.
        inputs: what it asks for in each column.
    """

    version: registry.Version
    features: tuple[str, ...]
    read: Callable[[bytes, str], Any]
    predict: Callable[[Any], Floats]
    example: tuple[float | str | None, ...]
    since: float = field(default_factory=time.time)
    rules: Rules = NO_RULES
    inputs: tuple[Input, ...] = ()

    @property
    def asked(self) -> list[str]:
        """The columns that a row of a request must have: in place of the parts of its time, the time."""
        return parts.given(self.features, self.rules.of_time(self.features), self.rules.time)

    @property
    def row(self) -> dict[str, float | str | None]:
        """A row to try."""
        known = dict(zip(self.features, self.example, strict=True))
        return {name: known.get(name, contract.A_TIME) for name in self.asked}

    def respond(self, body: bytes, kind: str) -> bytes:
        """The answer to a request. Safe in threads.

        Raises:
            ContractError: see `protocol.matrix` and `Rules.flags`.
        """
        rows = self._timed(body, kind) if self.rules.of_time(self.features) else self.read(body, kind)
        flags = self.rules.flags(rows, self.features)
        told, alone = [asdict(flag) for flag in flags], self.version.origin.is_base_rate
        return protocol.answer(self.predict(rows), self.version.number, told, base_rate=alone)

    def _timed(self, body: bytes, kind: str) -> pd.DataFrame:
        """The rows of a request that brings the time, with its parts as a batch would have them."""
        of_time, time = self.rules.of_time(self.features), self.rules.time
        rest = [column for column in self.inputs if column.name not in of_time]
        rows = protocol.table(body, kind, [*rest, Input(time, is_time=True)])
        made = contract.parts_of(pa.array(rows.pop(time), pa.string()), of_time, time)
        made = {name: part.to_numpy(zero_copy_only=False) for name, part in made.items()}
        return pd.DataFrame({**rows, **made})[list(self.features)]


@dataclass(frozen=True)
class Refused:
    """A champion that could not be taken over, why, and when it is tried again (on the monotonic clock)."""

    number: str
    reason: str
    again: float


def load(version: registry.Version) -> Loaded:
    """Load a version and try it on its input example.

    Raises:
        StoreError: its files are not those that were registered, or it gives no probabilities.
    """
    model = version.load()
    features = tuple(str(name) for name in getattr(model, "feature_names_in_", ()))
    asked = {column.name: column for column in version.inputs()}
    inputs = [asked.get(name, Input(name)) for name in features]
    read: Callable[[bytes, str], Any] = partial(_matrix, features) if _all_plain(inputs) else partial(_frame, inputs)
    predict = _predictor(model, features)
    example = read(version.example(), protocol.JSON)
    found = predict(example)
    if found.shape != (len(example), 2) or not np.allclose(found.sum(axis=1), 1) or not (found >= 0).all():
        raise StoreError(f"{version.uri}: gives no probabilities of two labels for its own input example")
    first = tuple(None if pd.isna(value) else value for value in pd.DataFrame(example).iloc[0].tolist())
    return Loaded(version, features, read, predict, first, inputs=tuple(inputs))


def _all_plain(inputs: Sequence[Input]) -> bool:
    return all(column.is_plain for column in inputs)


def _matrix(features: tuple[str, ...], body: bytes, kind: str) -> Floats:
    return protocol.matrix(body, kind, features)


def _frame(inputs: Sequence[Input], body: bytes, kind: str) -> pd.DataFrame:
    return pd.DataFrame(protocol.table(body, kind, inputs))


def _predictor(model: Any, features: tuple[str, ...]) -> Callable[[Any], Floats]:
    nameless = without_names(model)
    if nameless is not None:
        return lambda rows: np.asarray(nameless.predict_proba(np.asarray(rows)))
    return lambda rows: np.asarray(model.predict_proba(pd.DataFrame(rows, columns=list(features))))


class Served:
    """One project's place: the version that answers, and what is known of the next one."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.current: Loaded | None = None
        self.refused: Refused | None = None
        self.nobody = f"project '{project}' was not looked at yet"
        self._rules: Rules | None = None

    def look(self) -> None:
        """Take the champion over, if it is another one than the version that answers.

        Raises:
            Exception: whatever the store raises when it cannot be asked.
        """
        champion = registry.champion(self.project)
        self._rules = rules_of(self.project) or self._rules  # of a file that is wrong for a while, those that it had
        if champion is None:  # nothing was promoted yet; or the alias was removed, and the last version goes on
            return
        if self.current is not None and champion.number == self.current.version.number:
            self.refused = None
            if self._rules and self._rules != self.current.rules:
                self.current = replace(self.current, rules=self._rules)
            return
        if self.refused and champion.number == self.refused.number and time.monotonic() < self.refused.again:
            return
        self._take_over(champion)

    def _take_over(self, champion: registry.Version) -> None:
        before = self.current.version.uri if self.current else "nothing"
        try:
            if self._rules is None:
                raise ConfigError(f"project '{self.project}': no usable project file says what its rows must be")
            loaded = replace(load(champion), rules=self._rules)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with the new version, the old one goes on)
            self.refused = Refused(champion.number, str(error), time.monotonic() + _AGAIN)
            log.error("%s is not taken over, %s goes on answering: %s", champion.uri, before, error)
            return
        self.current, self.refused = loaded, None
        log.info("%s answers, before it %s", champion.uri, before)


class Service:
    """All projects, and the thread that looks after them. To be used as a context.

    Args:
        default: the project of the addresses that name none; by default the first one there is.
    """

    def __init__(self, default: str | None = None) -> None:
        self._default = default
        self.trouble: str | None = None
        """Why the store could not be asked at the last look."""
        self._served: dict[str, Served] = {}
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> "Service":
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def served(self, project: str | None = None) -> Served | None:
        """The place of a project, by default that of the default one; None where there is no such project."""
        places = self._served  # replaced as a whole, never changed
        return places.get(project or self._default or min(places, default=""))

    def all(self) -> list[Served]:
        return [place for _, place in sorted(self._served.items())]

    def look(self) -> None:
        """Ask the store once about every project."""
        new = [name for name in project_names() if name not in self._served]
        if new:
            self._served = self._served | {name: Served(name) for name in new}
        try:
            is_there = database.is_there()
            for served in self.all():
                if is_there:
                    served.look()
                if served.current is None:
                    served.nobody = registry.nobody(served.project)
            self._note(None)
        except Exception as error:  # noqa: BLE001  (a store that is away for a while must not end the service)
            self._note(f"{type(error).__name__}: {error}")

    def _note(self, trouble: str | None) -> None:
        """Keep what is wrong with the store, and say it once when that changes."""
        if trouble and not self.trouble:
            log.error("the store cannot be asked; what was loaded goes on answering: %s", trouble)
        if self.trouble and not trouble:
            log.info("the store can be asked again")
        self.trouble = trouble

    def _watch(self) -> None:
        self.look()  # which imports MLflow, once
        pause = POLL
        while not self._ended.wait(pause):
            spent = time.thread_time()
            self.look()
            pause = min(max(POLL, _SHARE * (time.thread_time() - spent)), _LONGEST)
