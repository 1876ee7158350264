"""Two models side by side on the same rows, for who decides: champion and challenger, or who serves and an earlier version."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

from shotclock.config import Project, project
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.judging import performance
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Activity
from shotclock.judging.gate import untouched
from shotclock.judging.gate.churn import churn
from shotclock.judging.gate.demotion import over as gains
from shotclock.judging.side_by_side import Given, Pair, as_share, pairs
from shotclock.judging.slices.worsening import cuts
from shotclock.judging.verdict import against_each_other
from shotclock.models.predictor import predictor
from shotclock.reading.health import Competition, Details, details
from shotclock.store import history, queries, records
from shotclock.store.server.artifacts import artifact
from shotclock.store.versions import registry
from shotclock.store.window import Window, given_before, reference_rows, unseen

_MOST = 40
FIGURES = ("log_loss_skill", "log_loss", "f1", "accuracy", "roc_auc", "calibration_error")


@dataclass(frozen=True)
class Side:
    """One of the two. `version` is empty where it is not registered; `facts`: what it is, by name."""

    name: str
    version: str
    facts: dict[str, str]
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Block:
    """One block of the track record: the mean log loss that each side's recipe had on it before it learnt from it."""

    number: int
    rows: int
    new: float
    old: float | None


@dataclass(frozen=True)
class SideBySide:
    """`new` against `old`.

    Attributes:
        verdict: which predicts better, in a sentence without jargon.
        rows: that both are judged on; `gap` says why there are none.
        slices: the one on which the new one does worst against the old one first.
        changes: how many rows are predicted otherwise, in a sentence; empty where it was not measured.
        record: oldest block first; empty without a track record.
        competition: the gate at which they met; None before a rollback.
    """

    details: Details
    old: Side
    new: Side
    verdict: str
    rows: int
    saved: Figure | None
    slices: tuple[Pair, ...]
    changes: str
    record: tuple[Block, ...]
    competition: Competition | None
    gap: str = ""


def gate(name: str, gate_run: str, activity: Activity | None = None) -> SideBySide:
    """Champion and challenger as they met at a gate, on its rows.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
        StoreError: the project has no such gate among the newest ones, or its rows are gone.
    """
    about = details(name, activity)
    met = next((one for one in about.competitions if one.gate and one.gate.mlflow_run_id == gate_run), None)
    if met is None or met.gate is None:
        raise StoreError(f"project '{name}' has no gate {gate_run} among its newest")
    old, new, measured, record = _at_gate(name, gate_run)
    return SideBySide(about, old, new, *measured, changes=met.gate.churn, record=record, competition=met)


def rollback(name: str, number: str, activity: Activity | None = None) -> SideBySide:
    """The version in service, and an earlier one that may take its place, on labelled rows that neither had learnt from.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
        StoreError: nobody is in service, or there is no such version.
    """
    about, champion = details(name, activity), registry.require_champion(name)
    old, new, measured, changes = _before_rollback(name, champion.number, number, queries.pulse(name))
    return SideBySide(about, old, new, *measured, changes=changes, record=(), competition=None)


_Measured = tuple[str, int, Figure | None, tuple[Pair, ...]]


@lru_cache(maxsize=16)
def _at_gate(name: str, gate_run: str) -> tuple[Side, Side, _Measured, tuple[Block, ...]]:
    """A gate is what it was."""
    rules, told = project(name), _told(name, gate_run)
    rows = storage.read_table(artifact(gate_run, "gate_scores.parquet")).to_pandas()
    columns, beside = rules.columns, rules.columns.output(history.CHAMPIONS)
    labels = rows[columns.target].to_numpy(dtype=np.float64)
    alone = np.full(len(labels), labels.mean() if len(labels) else 0.0)
    given = Given(labels, rows[beside].to_numpy() if beside in rows else alone, rows[columns.probability].to_numpy())
    champion = told.champion and _registered(name, told.champion)
    made = queries.newest(name, records.Candidate, parent=told.training_run, most=_MOST)
    candidates = {one.name: one for one in made}
    old = _side(rules, champion, given.labels, given.old) if champion else _base_rate(rules, given)
    new = _challenger(rules, told, candidates, given)
    recipes = [champion.origin.algorithm, f"{champion.origin.algorithm}.older_and_recent"] if champion else []
    opponent = next((candidates[one].id for one in recipes if one in candidates), "")
    challenger = candidates[told.challenger].id if told.challenger in candidates else ""
    gain = Figure.among(vars(told), "gain") if told.gain is not None else None
    return old, new, _measured(rules, rows, given, gain, old.name, new.name), _record(rules, opponent, challenger)


def _told(name: str, gate_run: str) -> records.Gate:
    found = queries.newest(name, records.Gate, most=_MOST)
    return next(one.record for one in found if one.id == gate_run)


def _registered(name: str, number: str) -> registry.Version | None:
    return next((one for one in registry.versions(name) if one.number == number), None)


@lru_cache(maxsize=16)
def _before_rollback(name: str, champion: str, number: str, pulse: str) -> tuple[Side, Side, _Measured, str]:
    """Kept until a run of the project ends."""
    rules, serving, earlier = project(name), registry.version(name, champion), registry.version(name, number)
    rows, given = _both(rules, serving, earlier)
    old, new = (_side(rules, one, given.labels, p) for one, p in ((serving, given.old), (earlier, given.new)))
    found = churn(given.old, given.new, rules.gate)
    gain = gains(given.old, given.new, given.labels, rules.gate).mean if len(rows) else None
    return old, new, _measured(rules, rows, given, gain, old.name, new.name), found.told(champion) if found else ""


def _both(rules: Project, serving: registry.Version, earlier: registry.Version) -> tuple[pd.DataFrame, Given]:
    """Labelled rows that neither has learnt from, and what both give to them.

    Of the version in service that is its newest window, and what it, or its recipe, had said of the rows that it was judged on
    before it learnt from them.
    """
    columns, trained_on = rules.columns, storage.read_column(serving.training_ids(), rules.columns.id)
    known = given_before(reference_rows(rules.name, serving), columns, trained_on)
    try:
        window = Window.newest(rules.name, serving)
        table, count = window.rows()
        newest = unseen.judge(window, table.to_pandas(), count, trained_on).rows
    except StoreError:  # it has scored nothing yet
        newest = known.iloc[:0]
    wanted = [*columns.all, columns.probability]
    rows = pd.concat([known[wanted], newest[wanted]]).drop_duplicates(columns.id, keep="last")
    rows = rows[rows[columns.target].notna()]
    rows = rows[untouched(rows[columns.id].to_numpy(), storage.read_column(earlier.training_ids(), columns.id))]
    rows = rows.sort_values([columns.time, columns.id], kind="stable", ignore_index=True)
    features = list(columns.features)
    predict = predictor(earlier.load(), features, earlier.number)
    given = predict(pa.RecordBatch.from_pandas(rows[features], preserve_index=False)) if len(rows) else np.empty(0)
    labels, old = (rows[name].to_numpy(dtype=np.float64) for name in (columns.target, columns.probability))
    return rows, Given(labels, old, given)


def _measured(rules: Project, rows: pd.DataFrame, given: Given, gain: Figure | None, old: str, new: str) -> _Measured:
    """`gain`: of the new one over the old one, in nats per row, with the gate's interval."""
    count, saved = len(given.labels), as_share(gain, given.labels) if gain else None
    if saved is None:
        return f"Nobody can tell: there are {count} labelled rows that neither has learnt from", count, None, ()
    slices = cuts(rules.columns.features, rules.slices, rows)
    told = against_each_other(saved, new, old)
    verdict = told[:1].upper() + told[1:] if new.startswith("the ") else told
    return verdict, count, saved, tuple(pairs(rows, given, slices, rules.gate.confidence))


def _figures(rules: Project, labels: np.ndarray, given: np.ndarray) -> dict[str, Figure]:
    return performance.by_rules(labels, given, rules.degradation).figures


def _side(rules: Project, version: registry.Version, labels: np.ndarray, given: np.ndarray) -> Side:
    origin = version.origin
    learnt = len(storage.read_column(version.training_ids(), rules.columns.id))
    facts = {"made by": origin.algorithm, "learnt from": f"{learnt:,} rows", "came by": f"{origin.flow} {origin.run}"}
    return Side(f"v{version.number}", version.number, facts, _figures(rules, labels, given))


def _base_rate(rules: Project, given: Given) -> Side:
    facts = {"made by": "nothing: it says of every row how often label 1 came among these"}
    return Side("the base rate", "", facts, _figures(rules, given.labels, given.old))


def _challenger(
    rules: Project, told: records.Gate, candidates: dict[str, records.Stored[records.Candidate]], given: Given
) -> Side:
    facts = {"made by": told.challenger}
    refits = queries.newest(rules.name, records.Refit, parent=told.training_run)
    if refits and refits[0].record.recipe == told.challenger:
        facts["learnt from"] = f"{refits[0].record.rows:,} rows, those that judged its recipe included"
    if told.challenger in candidates:
        made = candidates[told.challenger].record
        facts["settings"] = ", ".join(f"{name} {value}" for name, value in made.settings.items()) or "none"
        facts["searched by"] = f"{made.backend}, seed {made.seed}"
    return Side("the challenger", "", facts, _figures(rules, given.labels, given.new))


def _record(rules: Project, old: str, new: str) -> tuple[Block, ...]:
    """The two recipes by block, where they have a track record."""
    before, after = (_losses(rules, run) for run in (old, new))
    return tuple(
        Block(number + 1, rows_of, loss, before.get(number, (None, 0))[0]) for number, (loss, rows_of) in after.items()
    )


def _losses(rules: Project, run: str) -> dict[int, tuple[float, int]]:
    """Mean log loss and rows by block; empty where there is no track record, as of a first training's candidate."""
    try:
        rows = storage.read_table(artifact(run, history.TRACK_RECORD)).to_pandas() if run else None
    except StoreError:
        rows = None
    if rows is None:
        return {}
    lost = performance.losses(rows[rules.columns.target].to_numpy(), rows[rules.columns.probability].to_numpy())
    numbers = rows[history.BLOCK].to_numpy(dtype=np.int64)
    return {
        int(number): (float(lost[numbers == number].mean()), int((numbers == number).sum()))
        for number in np.unique(numbers)
    }
