"""What each way to decide *when* to retrain would have cost on the project's own past.

A retraining before a block of rows brings the same recipes whoever asked for it, so all are fitted once, and each policy is
a walk through them: it asks or does not, the track record says which recipe serves from then on, as in the flow, and who is in
service pays its log loss on the next block. Everything that a policy looks at was known by then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

import numpy as np
from croniter import croniter
from numpy.typing import NDArray

from shotclock.config import DegradationRules, GateRules, Project, RetrainingRules
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import Performance, judge_performance, losses, measure
from shotclock.rows.blocks import judging_from

Floats = NDArray[np.float64]

_RESAMPLES = 200  # of a window's figures: here one look of many


@dataclass(frozen=True)
class Made:
    """A model in service: which recipe's, and before which block it was fitted; that of the first training before block 0."""

    recipe: int
    block: int


@dataclass(frozen=True)
class Past:
    """Labelled rows in the order of time, cut into blocks, and what each recipe's models of all before a block give them.

    Attributes:
        begin, ends: when the first block begins, and when each ends.
        cuts: where blocks begin, and the end, shape (blocks + 1,).
        labels: 0 or 1, shape (rows,).
        first: what the first training's model gives to all rows, shape (rows,).
        probability: shape (recipes, blocks, rows): of each recipe, and each block before which it was fitted; only rows from
            that block on count.
        serves: the recipe that made the first model.
        drifted: of the block before which the champion was made, and a later block, whether this one has drifted from the
            champion's reference, shape (blocks, blocks).
        reference: the first model's figures on its own test rows.
        recent_rows: how many of the newest rows a retraining looks at.
    """

    begin: datetime
    ends: tuple[datetime, ...]
    cuts: tuple[int, ...]
    labels: Floats
    first: Floats = field(repr=False)
    probability: Floats = field(repr=False)
    serves: int
    drifted: NDArray[np.bool_] = field(repr=False)
    reference: Performance
    recent_rows: int

    @property
    def blocks(self) -> int:
        return len(self.ends)

    @property
    def recipes(self) -> int:
        return len(self.probability)

    @cached_property
    def record(self) -> Floats:
        """What each recipe's model of all rows before a row's block gives to it, shape (recipes, rows)."""
        rows = np.arange(len(self.labels))
        block = np.searchsorted(self.cuts, rows, side="right") - 1
        found: Floats = self.probability[:, block, rows]
        return found

    def gives(self, model: Made) -> Floats:
        """What a model gives to all rows; before its block: what its recipe's models had given."""
        if model.block == 0:
            return self.first
        start = self.cuts[model.block]
        return np.concatenate([self.record[model.recipe, :start], self.probability[model.recipe, model.block, start:]])

    def loss(self, model: Made) -> Floats:
        """Of each row, in nats."""
        return losses(self.labels, self.gives(model))

    def rows(self, first: int, last: int) -> slice:
        """The rows of the blocks from `first` up to `last`."""
        return slice(self.cuts[first], self.cuts[last])

    def moment(self, block: int) -> datetime:
        """When a block begins."""
        return self.ends[block - 1] if block else self.begin


@dataclass(frozen=True)
class Standing:
    """Where a walk stands before a block: what a policy may look at."""

    past: Past
    block: int
    champion: Made
    asked: int
    """The block before which the last retraining was asked for; 0: none since the first training."""
    kept: bool = False
    """Whether that one found no better recipe."""

    @property
    def new_rows(self) -> int:
        return self.past.cuts[self.block] - self.past.cuts[self.asked]

    def passed(self, cron: str) -> bool:
        """Whether a point of this schedule has come since the last retraining."""
        following: datetime = croniter(cron, self.past.moment(self.asked)).get_next(datetime)
        return following <= self.past.moment(self.block)

    def drifted(self) -> bool:
        """Whether the newest block has drifted from the champion's reference."""
        return bool(self.past.drifted[self.champion.block, self.block - 1])

    def degraded(self, rules: DegradationRules) -> bool:
        """Whether the newest blocks that the champion served prove that it has become too bad."""
        first = self.block
        while first > self.champion.block and self.past.cuts[self.block] - self.past.cuts[first] < rules.min_rows:
            first -= 1
        current = _measured(self.past, self.champion, self.past.rows(first, self.block))
        return judge_performance(current, self._reference(), rules).status == "alert"

    def stale(self) -> float:
        """Nats that the champion has lost to its own age: the fall of its skill since it was judged, over the rows since."""
        before, now = self._reference(), _measured(self.past, self.champion, self.past.rows(self.asked, self.block))
        if not (before.log_loss_skill and now.log_loss_skill and now.constant_log_loss):
            return 0.0
        return (before.log_loss_skill.value - now.log_loss_skill.value) * now.constant_log_loss * now.rows

    def _reference(self) -> Performance:
        if self.champion.block == 0:
            return self.past.reference
        cut = self.past.cuts[self.champion.block]
        return _measured(self.past, self.champion, slice(max(0, cut - self.past.recent_rows), cut))


def _measured(past: Past, model: Made, rows: slice) -> Performance:
    return measure(past.labels[rows], past.gives(model)[rows], resamples=_RESAMPLES)


Kind = Literal["hindsight", "own", "never", "points", "signs"]
"""What a policy goes by: what nobody can know before, the project file, nothing, points of time or rows, signs of decay."""


@dataclass(frozen=True)
class Policy:
    """When to ask for a retraining, and the lines of the project file that choose it."""

    asks: Callable[[Standing], bool]
    yaml: str
    kind: Kind = "points"


@dataclass(frozen=True)
class Replayed:
    """What a policy led to.

    Attributes:
        log_loss: mean over all rows of all blocks, each scored before its label was known, in nats.
        regret: nats per row above the best in hindsight, with each training counted as the nats that it costs; never below 0.
        trainings: how many retrainings it asked for; `promotions`: in how many of them another recipe took over.
        money: what rows and trainings cost, where the project file says what a nat and a training do.
    """

    name: str
    log_loss: float
    regret: float
    trainings: int
    promotions: int
    yaml: str
    kind: Kind = "points"
    money: float | None = None

    @property
    def can_be_chosen(self) -> bool:
        """Whether lines of the project file choose it; where none do, `yaml` says so in brackets."""
        return not self.yaml.startswith("(")


def policies(degradation: DegradationRules, rules: RetrainingRules) -> dict[str, Policy]:
    """The policies that are compared, by name."""
    every = rules.every_new_records
    quiet = "degradation: {min_rows: 1000000000}", "drift: {windows: 1000, of_windows: 1000}"
    few = "retraining: {every_new_records: 1000000000}"

    def own(at: Standing) -> bool:
        silent = at.kept and at.new_rows < rules.min_new_labels
        alerts = at.drifted() or at.degraded(degradation) or at.new_rows >= every
        return at.passed(rules.schedule) or (alerts and not silent)

    return {
        "never": Policy(lambda _: False, "gate: {mode: dry_run}", "never"),
        "each block": Policy(
            lambda _: True, "retraining: {every_new_records: 1, min_new_labels: 1, cool_down_days: 0}"
        ),
        **{name: _scheduled(cron) for name, cron in _CRONS.items()},
        f"every {every:,} rows": Policy(lambda at: at.new_rows >= every, "\n".join(quiet)),
        "drift only": Policy(lambda at: at.drifted(), f"{quiet[0]}\n{few}", "signs"),
        "degradation only": Policy(lambda at: at.degraded(degradation), f"{quiet[1]}\n{few}", "signs"),
        "the project's own rules": Policy(own, "(as the project file stands)", "own"),
    }


_CRONS = {"weekly": "0 0 * * 1", "monthly": "0 0 1 * *", "quarterly": "0 0 1 */3 *"}


def _scheduled(cron: str) -> Policy:
    return Policy(lambda at: at.passed(cron), f'retraining: {{schedule: "{cron}", every_new_records: 1000000000}}')


def cost_aware(training: float) -> Policy:
    """Retrain once staleness has cost as much as a training does: a threshold on the cost (Mahadevan and Mathioudakis 2023).

    Args:
        training: what one costs, in nats.
    """
    return Policy(lambda at: at.stale() >= training, "(no setting of the project file does this)", "signs")


def compare(past: Past, chosen: Mapping[str, Policy], gate: GateRules, training: float = 0.0) -> list[Replayed]:
    """Every policy on the same past, the cheapest first, below the best in hindsight.

    Args:
        training: what a retraining costs, in nats; 0 where nobody has said.
    """
    best, moments = in_hindsight(past, training)
    total = len(past.labels)
    known = "(nobody can know it before)"
    found = [Replayed("best in hindsight", best / total, 0.0, len(moments), len(moments), known, "hindsight")]
    walks = []
    for name, policy in chosen.items():
        lost, trainings, promotions = walk(past, policy, gate)
        above = lost - best + training * (trainings - len(moments))
        figures = (
            lost / total,
            max(0.0, above / total),
            trainings,
            promotions,
        )  # a sum in another order may be a hair lower
        walks.append(Replayed(name, *figures, policy.yaml, policy.kind))
    return found + sorted(walks, key=lambda one: one.log_loss * total + one.trainings * training)


def walk(past: Past, policy: Policy, gate: GateRules) -> tuple[float, int, int]:
    """Nats lost over all rows, retrainings asked for, and how often another recipe took over."""
    champion, asked, trainings, promotions, kept = Made(past.serves, 0), 0, 0, 0, False
    lost = float(past.loss(champion)[past.rows(0, 1)].sum())
    for block in range(1, past.blocks):
        if policy.asks(Standing(past, block, champion, asked, kept)):
            trainings, asked = trainings + 1, block
            serving = _ruled(past, champion, block, gate)
            kept = serving == champion.recipe
            promotions += not kept
            champion = Made(serving, block)
        lost += float(past.loss(champion)[past.rows(block, block + 1)].sum())
    return lost, trainings, promotions


def _ruled(past: Past, champion: Made, block: int, rules: GateRules) -> int:
    """The recipe that serves after a retraining before this block: another one where the newest blocks prove it better."""
    cuts = np.array(past.cuts[: block + 1])
    cuts = cuts[cuts >= cuts[-1] - past.recent_rows]
    begin, end = judging_from(cuts.tolist(), int(cuts[-1] - cuts[0]), rules.min_rows), int(cuts[-1])
    apart = begin > cuts[0]
    record = _each(past.labels[:end], past.record[:, :end])
    challenger = int(record[:, cuts[0] : begin if apart else end].mean(axis=1).argmin())
    if challenger == champion.recipe or end - begin < rules.min_rows:
        return champion.recipe
    nats = past.loss(champion)[begin:end] - record[challenger, begin:end]
    if not apart:
        rules = rules.model_copy(update={"confidence": 1 - (1 - rules.confidence) / past.recipes})
    return challenger if Gains(np.clip(nats, -WORST, WORST), rules).proven else champion.recipe


def _each(labels: Floats, probability: Floats) -> Floats:
    """The losses of each recipe, in nats, shape (recipes, rows)."""
    return np.array([losses(labels, given) for given in probability])


def in_hindsight(past: Past, training: float = 0.0) -> tuple[float, tuple[int, ...]]:
    """The least that any choice of moments and recipes could have lost, in nats; and these moments, as blocks.

    Dynamic programming over the last moment before each block: quadratic in the blocks.
    """
    models = [[Made(past.serves, 0)], *([Made(r, b) for r in range(past.recipes)] for b in range(1, past.blocks))]
    ends = [np.array([np.add.reduceat(past.loss(model), past.cuts[:-1]).cumsum() for model in made]) for made in models]
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for block in range(1, past.blocks + 1):
        options = [
            (
                best[m][0]
                + float((ends[m][:, block - 1] - (ends[m][:, m - 1] if m else 0)).min())
                + training * bool(m),
                m,
            )
            for m in range(block)
        ]
        cost, moment = min(options)
        best.append((cost, (*best[moment][1], moment) if moment else ()))
    least, moments = best[-1]
    return least - training * len(moments), moments


@dataclass(frozen=True)
class Aged:
    """What models of one age have cost.

    Attributes:
        blocks: how many blocks came between the making of the models and the rows; 0 is a model made just before.
        rows: that models of this age and a fresh one have both scored.
        excess: nats per row above what the same recipe's fresh model lost on the same rows.
    """

    blocks: int
    rows: int
    excess: float


def staleness(past: Past) -> list[Aged]:
    """Loss against the age of the model, youngest first, over the recipes: each model beside the one made before the block.

    The ages differ in the blocks that they are measured on, so this is a course and no exact law.
    """
    excess: dict[int, list[Floats]] = {}
    for block in range(1, past.blocks):
        rows = past.rows(block, block + 1)
        fresh = _each(past.labels[rows], past.probability[:, block, rows])
        for model in range(1, block + 1):
            older = _each(past.labels[rows], past.probability[:, model, rows])
            excess.setdefault(block - model, []).append((older - fresh).mean(axis=0))
    joined = {age: np.concatenate(parts) for age, parts in sorted(excess.items())}
    return [Aged(age, len(nats), float(nats.mean())) for age, nats in joined.items()]


@dataclass(frozen=True)
class Comparison:
    """The policies, the best in hindsight first, and what they were replayed on.

    Attributes:
        rows: labelled ones that were replayed; `blocks`: how many they were cut into.
        cut_by: what a block is: a batch, a period, an equal part.
        begin, end: the days of the first and the last row.
    """

    project: str
    rows: int
    blocks: int
    cut_by: str
    begin: str
    end: str
    replayed: tuple[Replayed, ...]
    staleness: tuple[Aged, ...]


def compared(past: Past, rules: Project, cut_by: str) -> Comparison:
    """All policies on the project's past, with money where the project file says what a training and a nat cost."""
    return Comparison(
        project=rules.name,
        rows=len(past.labels),
        blocks=past.blocks,
        cut_by=cut_by,
        begin=f"{past.begin:%Y-%m-%d}",
        end=f"{past.ends[-1]:%Y-%m-%d}",
        replayed=tuple(_priced(past, rules)),
        staleness=tuple(staleness(past)),
    )


def _priced(past: Past, rules: Project) -> list[Replayed]:
    chosen, cost = policies(rules.degradation, rules.retraining), rules.cost
    if cost is None:
        return compare(past, chosen, rules.gate)
    training = cost.training / cost.per_nat
    chosen |= {"cost-aware": cost_aware(training)}
    rows = len(past.labels)
    return [
        replace(one, money=one.log_loss * rows * cost.per_nat + one.trainings * cost.training)
        for one in compare(past, chosen, rules.gate, training)
    ]
