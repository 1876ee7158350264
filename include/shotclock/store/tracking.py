"""MLflow runs, as steps write them.

A run is found by the key of the step that made it, so a task that is tried again goes on with its own run instead of making a
second one.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.store import opener
from shotclock.store.fields import written
from shotclock.store.queries import stored
from shotclock.store.records import R, Record
from shotclock.store.run import Run
from shotclock.store.server.client import PARENT, TAG, connect, experiment_id

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

log = logging.getLogger(__name__)
_KEPT_TAGS = (
    *(TAG + name for name in ("project", "kind", "key", "cause")),
    "airflow.dag_id",
    "airflow.run_id",
    opener.OPENED_BY,
    PARENT,
)
_MOST_CHILDREN = 100
_DIGEST_LENGTH = 36  # what MLflow keeps of a data set's digest


@dataclass
class Tracked:
    """An open MLflow run. `id` changes when the run gives way to a new one: see `write`."""

    id: str
    experiment: str

    def write(self, record: Record) -> None:
        """Write a record in one call.

        MLflow never changes a parameter. Where an earlier try of the step wrote another value (another champion serves by
        now, a rule in the project file was changed), that try's run gives way to a new one.
        """
        now, values = int(time.time() * 1000), written(record)
        if values.params:
            self._give_way(values.params)
        from mlflow.entities import Metric, Param, RunTag

        connect().log_batch(
            self.id,
            metrics=[Metric(name, value, now, 0) for name, value in values.metrics.items()],
            params=[Param(name, value) for name, value in values.params.items()],
            tags=[RunTag(TAG + name, value) for name, value in values.tags.items()],
        )

    def written(self, kind: type[R]) -> R | None:
        """The record that an earlier try of the step wrote, or None where it is not there, or not whole."""
        run = connect().get_run(self.id)
        try:
            return stored(run, kind).record
        except StoreError:
            return None

    def _give_way(self, params: Mapping[str, str]) -> None:
        client = connect()
        old = client.get_run(self.id)
        if all(old.data.params.get(name, value) == value for name, value in params.items()):
            return
        tags = {name: value for name, value in old.data.tags.items() if name in _KEPT_TAGS}
        new = client.create_run(self.experiment, tags=tags, run_name=old.info.run_name).info.run_id
        below = f"tags.`{PARENT}` = '{self.id}'"
        for child in client.search_runs([self.experiment], below, max_results=_MOST_CHILDREN):
            client.set_tag(child.info.run_id, PARENT, new)
        client.delete_run(self.id)
        log.info("MLflow run %s has other parameters, from an earlier try; %s takes its place", self.id, new)
        self.id = new

    def series(self, name: str, values: Iterable[float]) -> None:
        """Write one metric's values as steps 0, 1, 2, …"""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        connect().log_batch(self.id, metrics=[Metric(name, float(v), now, step) for step, v in enumerate(values)])

    def artifact(self, address: Address, folder: str | None = None) -> None:
        with storage.local(address) as path:
            connect().log_artifact(self.id, str(path), folder)

    def text(self, content: str, name: str) -> None:
        connect().log_text(self.id, content, name)

    def json(self, content: Any, name: str) -> None:
        connect().log_dict(self.id, content, name)

    def dataset(self, name: str, path: str | Address, digest: str, context: str) -> None:
        """Say which data went in: name, address and sha256."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name=name, digest=digest[:_DIGEST_LENGTH], source_type="local", source=str(path))
        inputs = DatasetInput(dataset=data, tags=[InputTag("mlflow.data.context", context)])
        self._input(inputs)
        connect().set_tag(self.id, f"{TAG}sha256.{name}", digest)

    def _input(self, inputs: "DatasetInput") -> None:
        """MLflow looks for the data before it writes them; in between, a fit beside this one may have written the same."""
        from mlflow.exceptions import MlflowException

        try:
            connect().log_inputs(self.id, [inputs])
        except MlflowException as error:
            if "unique constraint" not in str(error).lower():
                raise
            connect().log_inputs(self.id, [inputs])


def open_run(run: Run, step: str, kind: type[Record], *, name: str = "", parent: str = "") -> Tracked:
    """The MLflow run of `step`: the one that an earlier try left, or a new one. `name` is how people see it."""
    client, experiment = connect(), experiment_id(run.project)
    tags = {
        TAG + "project": run.project,
        TAG + "kind": kind.kind,
        TAG + "key": run.key(step),
        TAG + "cause": run.cause,
        "airflow.dag_id": f"{run.project}.{run.flow}",
        "airflow.run_id": run.id,
        opener.OPENED_BY: opener.this_process(),
        **({PARENT: parent} if parent else {}),
    }
    found = earlier(run, step)
    if found is None:
        made = client.create_run(experiment, tags=tags, run_name=name or kind.run_name)
        return Tracked(made.info.run_id, experiment)
    client.set_tag(found.id, opener.OPENED_BY, tags[opener.OPENED_BY])
    client.update_run(found.id, status="RUNNING")
    return found


def close_run(run_id: str, status: str = "FINISHED") -> None:
    connect().set_terminated(run_id, status=status)


@contextmanager
def tracked(run: Run, step: str, kind: type[Record], *, name: str = "", parent: str = "") -> Iterator[Tracked]:
    """An MLflow run for the length of a block: finished at its end, failed when the block raises."""
    opened = open_run(run, step, kind, name=name, parent=parent)
    try:
        yield opened
    except BaseException:
        close_run(opened.id, "FAILED")
        raise
    close_run(opened.id)


def find_run(run: Run, step: str) -> Tracked:
    """The MLflow run that `step` of this run made.

    Raises:
        StoreError: there is none.
    """
    found = earlier(run, step)
    if found is None:
        raise StoreError(f"MLflow has no run '{run.key(step)}'; the task '{step}' must have run before")
    return found


def earlier(run: Run, step: str) -> Tracked | None:
    """The MLflow run that an earlier try of `step` left, or None."""
    where = f"tags.`{TAG}key` = '{run.key(step)}'"
    found = connect().search_runs([experiment_id(run.project)], filter_string=where, max_results=1)
    return Tracked(found[0].info.run_id, found[0].info.experiment_id) if found else None
