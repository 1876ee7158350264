"""What one step hands to the next: a type in the code, JSON between tasks.

    result = call(training.split, run, {"filtered": {...}, "seed": 7})   # JSON in, each argument made what the step asks for
    to_wire(result)                                                      # JSON out

Fields that hold their default are left out of the JSON. What a step does not know, or lacks, is an error that says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from shotclock.errors import HandoffError
from shotclock.files.dataset import Part
from shotclock.judging.alerts import Kind, Outcome
from shotclock.judging.gate import Ruling
from shotclock.judging.gate.churn import Churn
from shotclock.judging.performance import Performance
from shotclock.judging.policies import Comparison
from shotclock.judging.verdict import Status
from shotclock.models.scoring import Partition, Scored
from shotclock.models.searched import Search, Searched, Tuned
from shotclock.rows.blocks import Blocks

T = TypeVar("T")
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
LearntFrom = Literal["train", "all"]
"""Which rows a candidate is trained on: the newest part for training, or those and all older ones."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every step gives for people.

    Attributes:
        summary: Markdown.
        report: the address of an HTML page.
        mlflow_run_id: the MLflow run that holds the details.
        skip: why nothing follows: the task ends as skipped, with this reason.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    summary: str = ""
    report: str = ""
    mlflow_run_id: str = ""
    skip: str = ""


@dataclass(frozen=True, kw_only=True)
class Source(Result):
    """A raw file. `synthetic`: made up, and not to be believed. `kept`: where its rows lie, if not at `path`."""

    path: str
    rows: int
    sha256: str
    synthetic: bool
    kept: str = ""

    @property
    def rows_path(self) -> str:
        """Where its rows lie."""
        return self.kept or self.path


@dataclass(frozen=True, kw_only=True)
class ValidRows(Source):
    """A training file that keeps the contract: its good rows lie at `valid`, `quarantined` were set aside."""

    valid: str
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class RawFile:
    """The file that rows are from; `quarantined` of its rows were set aside."""

    path: str
    rows: int
    sha256: str
    synthetic: bool
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class FilteredRows(Result):
    """The labelled rows, with the columns that the model uses, and the file that they are from."""

    path: str
    rows: int
    source: RawFile


@dataclass(frozen=True, kw_only=True)
class Data(Result):
    """The rows of one training or retraining, cut into parts. Addresses of parquet files.

    Attributes:
        train: the rows to train on.
        test: the rows that the gate judges on.
        rows: how many there are of each part.
    """

    train: str
    test: str
    rows: dict[str, int]
    sha256: str
    synthetic: bool

    def of(self, part: LearntFrom) -> str:
        """The file of the rows that a candidate is trained on."""
        raise NotImplementedError

    @property
    def everything(self) -> str:
        """All the rows there were to learn from, whichever of them a model did."""
        raise NotImplementedError

    @property
    def seen(self) -> tuple[str, ...]:
        """The files of all rows that some candidate has learnt from, and that it is not to be judged on."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TrainingData(Data):
    """Rows of the training file, split at random. `file`: where they are from; `all`: the file of both parts."""

    file: str
    split_seed: int
    all: str = ""

    def of(self, part: LearntFrom) -> str:
        return self.train

    @property
    def everything(self) -> str:
        return self.all or self.train

    @property
    def seen(self) -> tuple[str, ...]:
        return (self.train,)


@dataclass(frozen=True)
class OpenAlert:
    """An alert that waits for an answer."""

    id: str
    kind: Kind
    reason: str
    window: str


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a retraining runs, and the open alerts that it will have answered. `by`: `manual`, `scheduled` or `alert`."""

    by: str
    why: str
    alerts: tuple[OpenAlert, ...]

    @property
    def answers(self) -> tuple[str, ...]:
        """The ids of these alerts."""
        return tuple(alert.id for alert in self.alerts)


@dataclass(frozen=True, kw_only=True)
class Plan(Result):
    """A retraining that goes on, or one that is skipped."""

    cause: Cause


@dataclass(frozen=True, kw_only=True)
class RecentRows(Result):
    """The recent labelled rows, up to `window`, and why they were asked for. `sizes`: of each batch's, oldest first."""

    recent: str
    rows: int
    sizes: tuple[int, ...]
    window: str
    synthetic: bool
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class RecentData(Data):
    """Everything labelled so far, cut into blocks: in each, recipes are judged by their models of all rows before it.

    Attributes:
        train: the recent rows, batch after batch, each in the order of time.
        test: the rows of the blocks that judge.
        all: older rows and the recent ones.
        blocks: where the blocks lie in `all`.
        recalibrates: whether a recalibrated champion can compete: not where its model has learnt from these rows.
    """

    all: str
    window: str
    cause: Cause
    blocks: Blocks
    recalibrates: bool

    def of(self, part: LearntFrom) -> str:
        return self.all if part == "all" else self.train

    @property
    def everything(self) -> str:
        return self.all

    @property
    def seen(self) -> tuple[str, ...]:
        return ()  # each block is judged by models of the rows before it


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An algorithm, and the rows that it is trained on."""

    name: str
    algorithm: str
    rows: LearntFrom


@dataclass(frozen=True, kw_only=True)
class Compared(Result):
    """A candidate with its tuned settings; None for the recalibrated champion and the base rate."""

    name: str
    algorithm: str
    rows: LearntFrom
    seed: int
    tuned: Tuned | None

    @property
    def search(self) -> Search | None:
        return self.tuned.search if self.tuned else None

    @property
    def shown(self) -> str:
        """How people see it."""
        return self.name


@dataclass(frozen=True)
class Score:
    """What selection goes by: a log loss in nats per row, and which one it is."""

    metric: str
    log_loss: float


@dataclass(frozen=True, kw_only=True)
class TrainedCandidate(Result):
    """A candidate fitted with its chosen settings: its pickled pipeline with its sha256, and its cross-validated figures.

    Attributes:
        model: of a recipe the one that was judged on the newest block.
        record: the file of what a recipe's models gave to the rows of all blocks.
        cut_short: see `Search.cut_short`.
    """

    name: str
    rows: LearntFrom
    model: str
    model_sha256: str
    cv: dict[str, float]
    score: Score
    params: dict[str, str]
    seed: int
    cut_short: bool = False
    record: str = ""


@dataclass(frozen=True, kw_only=True)
class Competitor:
    """What the gate needs of a candidate, whether it won or not."""

    model: str
    model_sha256: str
    score: Score
    mlflow_run_id: str
    record: str = ""


@dataclass(frozen=True, kw_only=True)
class Selection(Result):
    """The candidate that may win, and all of them. `mlflow_run_id` is of its own run, `training_run_id` of the one above."""

    winner: str
    reason: str
    rows: LearntFrom
    model: str
    training_run_id: str
    candidates: dict[str, Competitor]
    params: dict[str, str]
    seed: int
    cut_short: bool = False


@dataclass(frozen=True)
class StoredModel:
    """A challenger as it lies in MLflow, before it is a version of anything. `sha256`: of all its files."""

    uri: str
    id: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Gated(Result):
    """What the gate said of the challenger.

    Attributes:
        champion: the version that it met, or None.
        regime: whose rows they were judged on: of the training file, or of production.
        figures: each candidate's, by name.
        measured: the challenger's, with intervals.
        scores: the file of the gate's rows with the probabilities of both.
        stored: the challenger, where it may be promoted.
        instead: the base rate, where nobody is in service and no challenger is proven better.
        churn: of what would take over against the champion, once `verify` has found it.
    """

    champion: str | None
    challenger: str
    regime: Literal["training", "production"]
    ruling: Ruling
    figures: dict[str, dict[str, float]]
    measured: Performance
    scores: str
    stored: StoredModel | None = None
    instead: "Refitted | None" = None
    churn: Churn | None = None

    def ships(self, refitted: "Refitted | None") -> "Refitted | None":
        """What was fitted to be promoted; None where that is the challenger as it was measured, or nothing."""
        return refitted if refitted and refitted.recipe else self.instead


@dataclass(frozen=True, kw_only=True)
class Refitted(Result):
    """A recipe fitted to be promoted: on all labelled rows the challenger that takes over, or the recipe in service.

    After a first training that has proven nothing it is the base rate, of the rows that it was trained on.

    Attributes:
        recipe: its name; empty where nothing was fitted, and `summary` says why.
        learnt: how many rows it has learnt from; `training_ids`: the file of their ids.
        model: the pickled pipeline.
        scores: the file of the gate's rows with the probabilities of this fit, which has learnt from them (but the base rate).
        measured: the recipe's figures on these rows, by its models of the rows before; `measured_on`: the file of those.
        stored: the fit as it lies in MLflow.
    """

    recipe: str = ""
    rows: LearntFrom = "all"
    learnt: int = 0
    training_ids: str = ""
    model: str = ""
    model_sha256: str = ""
    params: dict[str, str] = field(default_factory=dict)
    scores: str = ""
    measured: Performance | None = None
    measured_on: str = ""
    stored: StoredModel | None = None

    def shipped(self, selection: Selection) -> Selection:
        """The selection, with this fit in the winner's place."""
        return replace(
            selection,
            winner=self.recipe,
            rows=self.rows,
            model=self.model,
            params=self.params,
            mlflow_run_id=self.mlflow_run_id,
        )

    def as_measured(self, gated: Gated) -> Gated:
        """What the gate said, with the figures of this recipe in the challenger's place."""
        measured = self.measured or gated.measured
        return replace(gated, challenger=self.recipe, measured=measured, scores=self.measured_on)


@dataclass(frozen=True, kw_only=True)
class Verified(Result):
    """A challenger that was read back; None where the gate keeps the champion, and nothing had to be.

    Attributes:
        difference: the largest between its probabilities and those that were written down when it was made.
        held: why it may take over only if a person approves, whatever the mode; empty where it may without.
    """

    model: StoredModel | None = None
    difference: float = 0.0
    churn: Churn | None = None
    held: str = ""


@dataclass(frozen=True)
class Approval:
    """Whether a challenger that the gate lets through may be promoted. `by` is empty where nobody was asked."""

    approved: bool
    by: str = ""
    because: str = ""


@dataclass(frozen=True, kw_only=True)
class Done(Result):
    """What was decided, and by whom or what. `version` came into service, or `champion` stayed there."""

    decision: Outcome
    reason: str
    version: str = ""
    champion: str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True)
class Batch(Result):
    """One production file. `number` counts the project's batches in the order in which they were taken in, from 1.

    Attributes:
        kept: where its rows lie instead of at `path`; empty where they lie there.
        named: somebody asked for this very file: if it cannot be scored, that is an error. Else it is passed over.
    """

    number: int
    name: str
    path: str
    sha256: str
    synthetic: bool = False
    kept: str = ""
    named: bool = False

    @property
    def rows_path(self) -> str:
        """Where its rows lie."""
        return self.kept or self.path


@dataclass(frozen=True)
class Cut:
    """One partition of a large batch, and what all its partitions must agree on.

    Attributes:
        version: the champion that scores them.
        repeated: the file of the numbers of the rows that repeat an id.
        key: stands in the names of their files.
        shadow: the version that scores them beside the champion; empty where none does.
    """

    partition: Partition
    version: str
    repeated: str
    key: str
    shadow: str = ""


@dataclass(frozen=True, kw_only=True)
class ValidBatch(Batch):
    """A batch whose columns are right, or one partition of it: what is scored by itself."""

    rows: int
    cut: Cut | None = None

    @property
    def shown(self) -> str:
        """How people see it."""
        part = self.cut.partition if self.cut else None
        return f"{self.name} {part.number + 1}/{part.of}" if part else self.name


@dataclass(frozen=True, kw_only=True)
class ScoredBatch(Result):
    """A batch that was scored: how many of its rows, and by which version."""

    predictions: str
    batch: int
    rows: int
    version: str


@dataclass(frozen=True, kw_only=True)
class ScoredPartition(Result):
    """A partition that was scored: nobody reads its file before all of the batch's are there. `shadow`: that of the shadow."""

    batch: ValidBatch
    cut: Cut
    scored: Scored
    part: Part
    shadow: Part | None = None


@dataclass(frozen=True, kw_only=True)
class Published(Result):
    """What readers find now. `batches`: their numbers."""

    rows: int
    version: str
    batches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Checked(Result):
    """What a check concluded about a window."""

    verdict: Status
    reason: str
    window: str


@dataclass(frozen=True, kw_only=True)
class Sensed(Result):
    """What a sensor found.

    Attributes:
        trigger: which finding it is about.
        stopped: the guard holds it back, and people have to look; `news`: they were not told of this window yet.
        alert: the id of the MLflow run that it was written to.
    """

    trigger: Kind
    reason: str
    window: str
    champion: str
    fires: bool
    stopped: bool = False
    news: bool = False
    alert: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PastRows(Result):
    """A project's labelled rows: those that its first version was made from, and those that came later, in blocks.

    Attributes:
        training, test: files of the rows that the first version was trained on, and judged on.
        later: the file of those that came later, in the order of time.
        cuts: where their blocks begin, and the end, shape (blocks + 1,).
        begin, ends: when the first block begins, and when each ends.
        cut_by: what a block is: a batch, a period, an equal part.
    """

    training: str
    test: str
    later: str
    cuts: tuple[int, ...]
    begin: datetime
    ends: tuple[datetime, ...]
    cut_by: str
    synthetic: bool = False


@dataclass(frozen=True, kw_only=True)
class Moment(Result):
    """The moment before a block, at which every recipe is fitted. `tuned`: the candidates with their settings."""

    block: int
    begin: datetime
    tuned: tuple[Searched, ...]

    @property
    def shown(self) -> str:
        """How people see it."""
        return f"block {self.block + 1}, from {self.begin:%Y-%m-%d}"


@dataclass(frozen=True)
class FirstModel:
    """The model of the first training: the number of its recipe, and its figures on the training file's test rows."""

    serves: int
    reference: Performance


@dataclass(frozen=True, kw_only=True)
class FittedBlock(Result):
    """What the models that were fitted before a block give to the rows from there on.

    Attributes:
        given: the file of the probabilities, a column for each recipe, in their order; before block 0 that of the first
            training's model follows, `FIRST_MODEL`.
        drifted: whether each block from this one on has drifted from the reference of a champion made before this one.
        first: the first training's model, before block 0.
    """

    block: int
    given: str
    drifted: tuple[bool, ...]
    first: FirstModel | None = None


FIRST_MODEL = "first_training"
"""The column of what the first training's model gives."""


@dataclass(frozen=True, kw_only=True)
class ComparedPolicies(Result):
    """What each policy of retraining would have cost."""

    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Skipped(Result):
    """Nothing follows; `skip` says why."""


AnyData = TrainingData | RecentData
"""The rows of a training or of a retraining."""


def _nothing(name: str, value: Any) -> None:
    pass


def call(
    step: Callable[..., T], run: object, arguments: Mapping[str, object], seen: Callable[[str, Any], None] = _nothing
) -> T:
    """Call a step with what other tasks have handed over.

    Args:
        seen: told of each argument, by name, once it is what the step asks for.

    Raises:
        HandoffError: an argument that the step does not know, or that is not what it asks for.
    """
    hints = get_type_hints(step)
    unknown = sorted(set(arguments) - set(hints))
    if unknown:
        raise HandoffError(f"{_named(step)}: unknown argument {', '.join(unknown)}; it takes {', '.join(hints)}")
    made = {name: _made(step, name, hints[name], value) for name, value in arguments.items()}
    for name, value in made.items():
        seen(name, value)
    return step(run, **made)


def to_wire(result: Any) -> Any:
    """The JSON that a result travels as; a list item by item."""
    if isinstance(result, list):
        return [to_wire(item) for item in result]
    return _adapter(type(result)).dump_python(result, mode="json", exclude_defaults=True)


def from_wire(kind: type[T], value: Any) -> T:
    """The inverse of `to_wire` for one result.

    Raises:
        HandoffError: the JSON is not that of such a result.
    """
    try:
        made: T = _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise HandoffError(f"{kind.__name__}: {_first(error)}") from error
    return made


def _made(step: Callable[..., Any], name: str, kind: Any, value: Any) -> Any:
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise HandoffError(f"{_named(step)}, argument '{name}': {_first(error)}") from error


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place + ': ' if place else ''}found {found['input']!r:.100}; {found['msg']}"


def _named(step: Callable[..., Any]) -> str:
    return f"{step.__module__.removeprefix('shotclock.')}.{step.__name__}"
