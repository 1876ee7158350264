"""What is kept in MLflow: one record for each kind of run, and the only place that knows its tags, parameters and metrics.

`docs/flow.md` tells the same in a table, which is tested against these classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from shotclock.config import BASE_RATE
from shotclock.judging.alerts import Kind, Outcome
from shotclock.judging.gate import Outcome as Ruled
from shotclock.judging.verdict import Status
from shotclock.store.fields import Metric, Metrics, Param, Params, Tag

BLOCK_LOG_LOSS = "block_log_loss"
"""The series of a recipe's run that holds its track record: the loss of each block, in nats per row, oldest first."""

Folder = Literal["batches", "labels"]
"""Which of a project's folders a file lies in."""
Regime = Literal["training", "production"]
"""Which rows a model was judged on: of the training file, or of production."""


@dataclass(frozen=True)
class Record:
    """What a run of one kind holds. `run_name` is how such a run is called, where nothing else is said."""

    kind: ClassVar[str]
    run_name: ClassVar[str] = ""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Trace:
    """An MLflow run as such: which it is, and what made it.

    Attributes:
        key: what names the step that made it: `<project>/<flow>/<run>/<step>`.
        at: when it began, UTC.
        ended: when it ended, UTC; None while it runs.
        dag_id: `<project>.<flow>` of the flow's run that it belongs to.
        run_id: the id of that run.
        parent: the id of the MLflow run above it, or an empty string.
    """

    id: str
    name: str
    kind: str
    key: str
    at: datetime
    ended: datetime | None
    dag_id: str
    run_id: str
    parent: str

    @property
    def flow(self) -> str:
        return self.dag_id.partition(".")[2]

    @property
    def place(self) -> tuple[str, str]:
        """What tells flows' runs apart: DAG and run."""
        return self.dag_id, self.run_id


@dataclass(frozen=True)
class Stored(Trace, Generic[R]):
    """A record, and the MLflow run that holds it."""

    record: R


@dataclass(frozen=True, kw_only=True)
class Preparation(Record):
    """Which rows a model is made from: `rows` by part, `settings` of the split."""

    kind = "preparation"
    run_name = "PreparacaoDados"
    rows: Annotated[dict[str, int], Metrics("rows_")]
    settings: Annotated[Mapping[str, Any], Params()]
    synthetic: Annotated[bool, Tag()] = False


@dataclass(frozen=True, kw_only=True)
class Training(Record):
    """Which candidate won, and by which log loss: `score` has one entry, named after the rows that chose."""

    kind = "training"
    run_name = "Treinamento"
    winner: Annotated[str, Param()] = ""
    score: Annotated[dict[str, float], Metrics()] = field(default_factory=dict)
    reason: Annotated[str, Tag()] = ""

    @property
    def chosen_by(self) -> str:
        """The figure that the candidates were compared by."""
        return next(iter(self.score), "cv_log_loss")


@dataclass(frozen=True, kw_only=True)
class Candidate(Record):
    """One trained candidate. Figures are in nats per row where they are log losses.

    Attributes:
        settings: what the search chose.
        cv: cross-validated figures, means over the folds.
        validation_log_loss: what a retraining chooses by: over the older blocks of the track record; once over one slice.
        tuning, recipe: digests of what the search of its settings and its track record depend on, but for the rows.
        holdout: figures on the gate's rows, see `Holdout`.
    """

    kind = "candidate"
    algorithm: Annotated[str, Param()]
    backend: Annotated[str, Param()]
    seed: Annotated[int, Param()]
    settings: Annotated[Mapping[str, Any], Params()]
    cv: Annotated[dict[str, float], Metrics("cv_")]
    validation_log_loss: Annotated[float | None, Metric()] = None
    synthetic: Annotated[bool, Tag()] = False
    model_sha256: Annotated[str, Tag()] = ""
    tuning: Annotated[str, Tag()] = ""
    recipe: Annotated[str, Tag()] = ""
    holdout: Annotated[dict[str, float], Metrics("holdout_")] = field(default_factory=dict)

    def figure(self, chosen_by: str) -> float:
        """What candidates are compared by, infinite where it was not measured."""
        found = self.validation_log_loss if chosen_by == "validation_log_loss" else self.cv.get("log_loss")
        return float("inf") if found is None else found


@dataclass(frozen=True, kw_only=True)
class Holdout(Record):
    """What the gate adds to the run of each candidate: its figures on the rows that the gate judged on."""

    kind = "candidate"
    holdout: Annotated[dict[str, float], Metrics("holdout_")]


@dataclass(frozen=True, kw_only=True)
class Refit(Record):
    """A recipe fitted on all labelled rows, which a version is made of: how many `rows` it has learnt from, and `why`."""

    kind = "refit"
    recipe: Annotated[str, Param()]
    backend: Annotated[str, Param()]
    seed: Annotated[int, Param()]
    settings: Annotated[Mapping[str, Any], Params()]
    rows: Annotated[int, Metric("refit_rows")]
    why: Annotated[str, Tag()]
    synthetic: Annotated[bool, Tag()] = False
    model_sha256: Annotated[str, Tag()] = ""


@dataclass(frozen=True, kw_only=True)
class Gate(Record):
    """What the gate measured and said.

    Attributes:
        champion: None where the opponent was the base rate.
        rules: the gate's settings but for `min_gain`.
        gain: the challenger's over its opponent, in nats per row, with its interval from `gain_low` to `gain_high`.
        power: how probably so many rows prove the smallest gain that the project declares; `more_rows`: and with four in five.
    """

    kind = "gate"
    run_name = "Gate"
    champion: Annotated[str | None, Param(none="None")]
    challenger: Annotated[str, Param()]
    min_gain: Annotated[float, Param()]
    rules: Annotated[Mapping[str, Any], Params()]
    rows: Annotated[int, Metric("gate_rows")]
    champion_log_loss: Annotated[float | None, Metric("gate_champion_log_loss")] = None
    challenger_log_loss: Annotated[float | None, Metric("gate_challenger_log_loss")] = None
    gain: Annotated[float | None, Metric("gate_gain")] = None
    gain_low: Annotated[float | None, Metric("gate_gain_low")] = None
    gain_high: Annotated[float | None, Metric("gate_gain_high")] = None
    power: Annotated[float | None, Metric("gate_power")] = None
    more_rows: Annotated[int | None, Metric("gate_more_rows")] = None
    outcome: Annotated[Ruled, Tag()]
    reason: Annotated[str, Tag()]
    regime: Annotated[Regime, Tag()]
    training_run: Annotated[str, Tag()] = ""
    verified_difference: Annotated[float | None, Metric()] = None
    verified_sha256: Annotated[str | None, Tag()] = None
    churn: Annotated[Mapping[str, float], Metrics("churn_")] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verification(Record):
    """What `verify` adds to the gate's run: how far the stored challenger's probabilities are off, its digest, and its churn.

    Attributes:
        churn: see `judging.churn.Churn.flat`; empty where nobody was in service.
    """

    kind = "gate"
    verified_difference: Annotated[float, Metric()]
    verified_sha256: Annotated[str, Tag()]
    churn: Annotated[Mapping[str, float], Metrics("churn_")] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision(Record):
    """What was done: promoted, kept, rolled back, or skipped.

    Attributes:
        by: who or what decided: the gate, the mode, a person, the shadow; for a skip, what started the run.
        before, after: the version in service, or an empty string.
        gate_outcome: what the gate said.
        answers: ids of the alerts that it answered.
        reference: whether it left rows that the next windows are measured against.
    """

    kind = "decision"
    decision: Annotated[Outcome, Tag()]
    reason: Annotated[str, Tag()]
    by: Annotated[str, Tag()] = ""
    before: Annotated[str | None, Tag()] = None
    after: Annotated[str | None, Tag()] = None
    gate_run: Annotated[str | None, Tag()] = None
    gate_outcome: Annotated[str | None, Tag()] = None
    regime: Annotated[Regime | None, Tag()] = None
    window: Annotated[str | None, Tag()] = None
    answers: Annotated[tuple[str, ...] | None, Tag(joined=",")] = None
    reference: Annotated[bool | None, Tag()] = None
    flow: Annotated[str, Tag()] = ""
    why: Annotated[str | None, Tag()] = None
    labelled_rows: Annotated[int | None, Metric()] = None


@dataclass(frozen=True, kw_only=True)
class Change(Record):
    """What a rollback is about to do, written down before it does it."""

    kind = "decision"
    before: Annotated[str, Tag()]
    after: Annotated[str, Tag()]


@dataclass(frozen=True, kw_only=True)
class Retraining(Record):
    """A retraining that goes on: what started it, and the alerts that it answers."""

    kind = "retraining"
    run_name = "Retraining: goes on"
    by: Annotated[str, Tag()]
    why: Annotated[str, Tag()]
    answers: Annotated[tuple[str, ...], Tag(joined=",")]
    flow: Annotated[str, Tag()] = "retraining"


@dataclass(frozen=True, kw_only=True)
class Entry(Record):
    """A production file that was taken in. `claimed_by` is the key of the run that did; `bytes` the file's size then."""

    kind = "batch"
    number: Annotated[int, Tag(), Metric()]
    name: Annotated[str, Tag("batch_name")]
    path: Annotated[str, Tag()]
    sha256: Annotated[str, Tag("sha256.batch")]
    synthetic: Annotated[bool, Tag()]
    claimed_by: Annotated[str, Tag()]
    bytes: Annotated[int | None, Metric()] = None


@dataclass(frozen=True, kw_only=True)
class PassedOver(Record):
    """A file that was not taken in, or not scored, and why. An empty reason: it is settled since."""

    kind = "passed_over"
    folder: Annotated[Folder, Tag()]
    name: Annotated[str, Tag("file_name")]
    reason: Annotated[str, Tag()] = ""


@dataclass(frozen=True, kw_only=True)
class Application(Record):
    """A batch that was scored.

    Attributes:
        predictions, source: addresses of the result and of the file that was scored.
        predictions_sha256, source_sha256: digests of their contents.
        partitions: how many parts were scored each by itself; None where the file was scored as a whole.
        shadow: the version that scored the same rows beside the champion; None where none did.
        shadow_predictions: the address of its probabilities; `shadow_sha256`: their digest.
    """

    kind = "application"
    run_name = "PipelineAplicacao"
    model_version: Annotated[str, Param()]
    model_run: Annotated[str, Param()]
    rows: Annotated[int, Metric()]
    scored: Annotated[int, Metric("rows_scored")]
    quarantined: Annotated[int, Metric("rows_quarantined")]
    positive: Annotated[int, Metric("rows_positive")]
    mean_probability: Annotated[float, Metric()]
    champion: Annotated[str, Tag()]
    batch: Annotated[int, Tag()]
    predictions: Annotated[str, Tag()]
    source: Annotated[str, Tag()]
    synthetic: Annotated[bool, Tag()]
    predictions_sha256: Annotated[str, Tag("sha256.predictions")]
    source_sha256: Annotated[str, Tag("sha256.production")]
    partitions: Annotated[int | None, Param()] = None
    shadow: Annotated[str | None, Tag()] = None
    shadow_predictions: Annotated[str | None, Tag()] = None
    shadow_sha256: Annotated[str | None, Tag("sha256.shadow")] = None


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """What a check concluded about one window of one champion's.

    Attributes:
        batch_count: of the window.
        figures: everything that was measured, by name.
        window, champion: what was judged.
        batches: names of the window's files, newest first.
    """

    batch_count: Annotated[int, Param("batches")]
    figures: Annotated[dict[str, float], Metrics()]
    verdict: Annotated[Status, Tag()]
    reason: Annotated[str, Tag()]
    window: Annotated[str, Tag()]
    champion: Annotated[str, Tag()]
    batches: Annotated[tuple[str, ...], Tag(joined=", ")]
    synthetic: Annotated[bool, Tag()]


@dataclass(frozen=True, kw_only=True)
class Drift(Check):
    """`broken`: the features that stood still. `report`: the report's address, or None where there is none."""

    kind = "drift"
    run_name = "Drift"
    threshold_share: Annotated[float, Param()]
    broken: Annotated[str, Tag()] = ""
    report: Annotated[str | None, Tag()] = None


@dataclass(frozen=True, kw_only=True)
class Performance(Check):
    """`labels_from`: the batches before the window whose labelled rows were taken, too."""

    kind = "performance"
    run_name = "Performance"
    labels_from: Annotated[tuple[str, ...], Tag(joined=", ")] = ()


@dataclass(frozen=True, kw_only=True)
class Shadow(Check):
    """Whether the version before does better. `shadow`: its number; `batches`: those whose rows were compared, newest first."""

    kind = "shadow"
    run_name = "Shadow"
    shadow: Annotated[str, Tag()]


@dataclass(frozen=True, kw_only=True)
class Alert(Record):
    """A finding that asked for a retraining, or for the version before."""

    kind = "alert"
    trigger: Annotated[Kind, Tag()]
    reason: Annotated[str, Tag()]
    window: Annotated[str, Tag()]
    champion: Annotated[str, Tag()]
    figures: Annotated[dict[str, float], Metrics()] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stopped(Record):
    """A finding that the guard held back, and that people were told of."""

    kind = "stopped"
    trigger: Annotated[Kind, Tag()]
    reason: Annotated[str, Tag()]
    window: Annotated[str, Tag()]
    champion: Annotated[str, Tag()]


@dataclass(frozen=True, kw_only=True)
class Policies(Record):
    """What each policy of retraining would have cost on the labelled past; nothing was changed by it.

    Attributes:
        cut_by: what a block is; `begin`, `end`: the days of the first and the last row.
        log_loss, regret: of each policy by its name, in nats per row; `trainings`: how many it asked for; `money`: what rows
            and trainings cost, where the project file says it.
    """

    kind = "policies"
    run_name = "Policies"
    cut_by: Annotated[str, Param()]
    begin: Annotated[str, Param()]
    end: Annotated[str, Param()]
    rows: Annotated[int, Metric("replayed_rows")]
    blocks: Annotated[int, Metric("replayed_blocks")]
    log_loss: Annotated[dict[str, float], Metrics("log_loss_")]
    regret: Annotated[dict[str, float], Metrics("regret_")]
    trainings: Annotated[dict[str, int], Metrics("trainings_")]
    money: Annotated[dict[str, float], Metrics("money_")] = field(default_factory=dict)
    synthetic: Annotated[bool, Tag()] = False


@dataclass(frozen=True, kw_only=True)
class Origin(Record):
    """What a registered model version says of itself, in its tags. A version that was registered by others says nothing.

    Attributes:
        reason: why it was promoted; `cause`: what started the run that made it.
        flow, run: the run that made it.
        data_sha256: of the file whose rows it learnt from.
        rows_path: all the rows there were, whichever of them it learnt from.
        model_sha256: of `modelo_final.pickle`; `stored_sha256`: of the files that it was stored as; `training_ids_sha256`:
            of the file of the ids that it learnt from, None where an older Shotclock registered it.
        model_card: where its card lies in MLflow.
    """

    kind = "version"
    algorithm: Annotated[str, Tag()] = ""
    reason: Annotated[str, Tag()] = ""
    cause: Annotated[str, Tag()] = ""
    flow: Annotated[str, Tag()] = ""
    run: Annotated[str, Tag()] = ""
    data_sha256: Annotated[str, Tag()] = ""
    rows_path: Annotated[str, Tag()] = ""
    model_sha256: Annotated[str, Tag()] = ""
    synthetic: Annotated[bool, Tag()] = False
    model_card: Annotated[str, Tag()] = ""
    stored_sha256: Annotated[str | None, Tag()] = None
    training_ids_sha256: Annotated[str | None, Tag()] = None

    @property
    def is_base_rate(self) -> bool:
        """Whether it says the same of every row: nothing was proven better."""
        return self.algorithm.partition(".")[0] == BASE_RATE


COMPARISON = "policies.json"
"""The file of a run `Policies` that holds the whole table."""

KINDS: tuple[type[Record], ...] = (
    Preparation,
    Training,
    Candidate,
    Gate,
    Refit,
    Decision,
    Retraining,
    Entry,
    PassedOver,
    Application,
    Drift,
    Performance,
    Shadow,
    Alert,
    Stopped,
    Policies,
)
"""Every kind of run, in the order of the flow."""
