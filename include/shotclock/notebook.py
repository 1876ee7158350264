"""A project at hand in a notebook or a script: `shotclock.open`. It only reads; nothing that it gives writes anywhere."""

from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from dotenv import load_dotenv

from shotclock.config import Project, project, project_names, unknown_project
from shotclock.errors import ConfigError, ContractError, StoreError
from shotclock.files import storage
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import WindowHealth
from shotclock.models.predictor import predictor
from shotclock.reading import health, history
from shotclock.reading.model import track_record
from shotclock.rows import contract, types
from shotclock.store.server import database
from shotclock.store.versions import registry
from shotclock.store.window import Window, labelled, scored_batches
from shotclock.words.glossary import NAMES

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_ENV = Path(__file__).parents[2] / ".env"
_ROWS = "the rows that were given"
_NO_TIME = datetime(2000, 1, 1)
_WINDOW = ["window", "champion", "checked", "labelled_rows", "performance_verdict", "drift_verdict", "drift_share"]


@dataclass(frozen=True)
class Champion:
    """The version in service, loaded.

    Attributes:
        project: the project file's rules.
        version: its number in MLflow's registry.
        recipe: what it was made by.
        reason: why it was promoted.
        model: the bare scikit-learn pipeline, read as data once its files are those that were registered. What it takes is
            what `features` gives.
    """

    project: Project = field(repr=False)
    version: str
    recipe: str
    reason: str
    model: "Pipeline" = field(repr=False)

    def score(self, rows: pd.DataFrame) -> "pd.Series[float]":
        """P(target = 1) of each row, to the last bit what a batch with it is given; the index is that of `rows`.

        Args:
            rows: as for `features`.

        Raises:
            ContractError: see `features`.
            StoreError: the project file names other features by now than the model was made for.
        """
        checked = self._checked(rows)
        given = predictor(self.model, checked.schema.names, self.version)(checked)
        return pd.Series(given, index=rows.index, name=self.project.columns.probability)

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the model takes of raw rows: the features, in its order and with its types, shape (rows, features).

        Args:
            rows: as a raw file of the project has them. Further columns are ignored. A row needs no id, and a time only where
                a feature is a part of it.

        Raises:
            ContractError: a column is missing or has the wrong type, or a value breaks a rule of the project file; the message
                names column, rule and how many rows break it.
        """
        found: pd.DataFrame = self._checked(rows).to_pandas()
        return found.set_index(rows.index)

    def _checked(self, rows: pd.DataFrame) -> pa.RecordBatch:
        columns = self.project.columns
        try:
            given = pa.RecordBatch.from_pandas(self._as_in_a_file(rows), preserve_index=False)
        except (pa.ArrowException, TypeError) as error:
            raise ContractError(f"{_ROWS}: {error}; give each column values of one type") from error
        contract.check_schema(given.schema, columns, _ROWS, needs_target=False)
        nothing_repeats = np.zeros(len(rows), dtype=np.bool_)
        examined = contract.examine(given, columns, repeated=nothing_repeats)
        contract.refuse_above(examined.bad.num_rows, examined.reasons, len(rows), _ROWS, allowed=0.0)
        typed = types.cast(examined.good, types.of(columns, given.schema), _ROWS)
        return typed.select(list(columns.features))

    def _as_in_a_file(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With an id, and with a time also where nothing is made of it: a row that somebody thought up has neither."""
        columns = self.project.columns
        stand_in = {columns.id: range(len(rows))} | ({} if columns.of_time else {columns.time: _NO_TIME})
        wanted = [name for name in (columns.time, *columns.given) if name in rows.columns]
        return rows[wanted].assign(**stand_in)


@dataclass(frozen=True)
class OpenProject:
    """One project. Each method reads the store anew, so that a cell that is run again shows what has happened since.

    Attributes:
        project: the project file's rules, as `docs/project-file.md` names them.
    """

    project: Project

    @property
    def name(self) -> str:
        return self.project.name

    def champion(self) -> Champion:
        """The version in service.

        Raises:
            StoreError: nothing was promoted yet; or its files are not those that were registered.
        """
        found = self._version()
        return Champion(self.project, found.number, found.origin.algorithm, found.origin.reason, found.load())

    def predictions(self, batch: str | None = None) -> pd.DataFrame:
        """Scored rows: id, time, features, `probability`, the target as far as it has come, else missing, and `model_version`.

        Of more than about `drift.max_rows` rows it is a sample, the same each time.

        Args:
            batch: the name of one, as `shotclock batches` tells it; by default the champion's newest window.

        Raises:
            StoreError: there is no champion, it has scored nothing yet, or there is no such batch.
        """
        version = self._version()
        if batch is None:
            found, by = Window.newest(self.name, version).rows()[0], version.number
        else:
            scored = {storage.at(one.source).stem: one for one in reversed(scored_batches(self.name))}
            if batch not in scored:
                there = ", ".join(scored) or f"none yet: shotclock score {self.name}"
                raise StoreError(f"project '{self.name}' has no scored batch '{batch}'; there is {there}")
            found, by = labelled(self.project, [scored[batch]])[0], scored[batch].champion
        rows: pd.DataFrame = found.to_pandas()
        return rows.assign(**{self.project.columns.output("model_version"): by})

    def windows(self) -> pd.DataFrame:
        """The windows that were judged, a row for each and the champion that scored it, oldest first; none before a check.

        Each figure stands beside the ends of its interval, `…_low` and `…_high`: `log_loss` in nats per row, `log_loss_skill`
        and the others as docs/statistics.md defines them. What was not measured is missing.
        """
        found = health.details(self.name).windows if database.is_there() else ()
        figures = [f"{name}{end}" for name in NAMES for end in ("", "_low", "_high")]
        return pd.DataFrame(map(_window, found), columns=[*_WINDOW, *figures])

    def record(self) -> pd.DataFrame:
        """The track record that the newest decision about the champion went by: a row for each recipe, a column for each block.

        Each value is the log loss, in nats per row, that the recipe's model of all rows *before* the block had on it. Blocks
        are numbered from 1, oldest first; recipes stand best first, by the blocks that choose.

        Raises:
            StoreError: there is no champion, or it comes from a first training, which is judged on test rows.
        """
        found = track_record.of_champion(self._version())
        table = pd.DataFrame.from_dict(found, orient="index").rename_axis(index="recipe", columns="block")
        return table.rename(columns=lambda number: number + 1)

    def decisions(self) -> pd.DataFrame:
        """What was decided and why, a row each, newest first: promoted, kept, rolled back; none before the first."""
        found = history.decisions(self.name) if database.is_there() else []
        table = pd.DataFrame(map(asdict, found), columns=[column.name for column in fields(history.Told)])
        return table.astype({"at": "datetime64[us, UTC]"})

    def _version(self) -> registry.Version:
        if not database.is_there():  # to ask one that is not there would make it
            raise StoreError(self._nobody())
        found = registry.champion(self.name)
        if found is None:
            raise StoreError(self._nobody())
        return found

    def _nobody(self) -> str:
        return f"{registry.nobody(self.name)}; without Airflow: shotclock train {self.name}"


def open_project(name: str) -> OpenProject:
    """See `shotclock.open`, which imports all this only when it is called."""
    load_dotenv(_ENV)  # as the command line does; what stands in the environment already goes first
    if name not in project_names():
        raise ConfigError(unknown_project(name))
    told, fault = database.look_at_store()
    if fault and fault != "missing":
        raise StoreError(f"MLflow's store: {told}; for what to do: shotclock doctor")
    return OpenProject(project(name))


def _window(judged: WindowHealth) -> dict[str, object]:
    """What a row of `OpenProject.windows` says."""
    return {
        "window": judged.name,
        "champion": judged.champion,
        "checked": judged.at,
        "labelled_rows": judged.judged_rows,
        "performance_verdict": judged.performance.status if judged.performance else None,
        "drift_verdict": judged.drift.status if judged.drift else None,
        "drift_share": judged.drift_share,
        **Figure.flat({name: figure for name in NAMES if (figure := judged.figure(name))}),
    }
