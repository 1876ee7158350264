"""What each way to decide *when* to retrain would have cost on the project's own past.

A retraining before a block of rows brings the same challenger whoever asked for it, so all challengers are made once, and
each policy is a walk through them: it asks or does not, the gate of today judges the challenger against the champion of that
walk, and who is in service pays its log loss on the next block. Everything that a policy looks at was known by then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from croniter import croniter
from numpy.typing import NDArray

from shotclock.config import DegradationRules, GateRules, RetrainingRules
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import Performance, judge_performance, losses, measure

Floats = NDArray[np.float64]

_RESAMPLES = 200  # of a window's figures: here one look of many


@dataclass(frozen=True)
class Made:
    """What the challenger made before a block had learnt of the rows, and where its gate is held: row numbers.

    Attributes:
        first, holdout: it has seen the rows from `first` up to `holdout`, and is judged on those from there to the block.
    """

    first: int
    holdout: int


@dataclass(frozen=True)
class Past:
    """Labelled rows in the order of time, cut into blocks, and what the model made before each block gives to all of them.

    Attributes:
        begin, ends: when the first block begins, and when each ends.
        cuts: where blocks begin, and the end, shape (blocks + 1,).
        labels: 0 or 1, shape (rows,).
        probability: shape (blocks, rows); the first row is the first training's model.
        made: of each model; None where a retraining would have had too few rows. The first one has seen none of these.
        drifted: of model and block, whether the block has drifted from the model's reference, shape (blocks, blocks).
        reference: the first model's figures on its own test rows.
    """

    begin: datetime
    ends: tuple[datetime, ...]
    cuts: tuple[int, ...]
    labels: Floats
    probability: Floats = field(repr=False)
    made: tuple[Made | None, ...]
    drifted: NDArray[np.bool_] = field(repr=False)
    reference: Performance

    @property
    def blocks(self) -> int:
        return len(self.ends)

    def loss(self, model: int) -> Floats:
        """Of each row, in nats."""
        return losses(self.labels, self.probability[model])

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
    champion: int
    asked: int
    """The block before which the last retraining was asked for; 0: none since the first training."""

    @property
    def new_rows(self) -> int:
        return self.past.cuts[self.block] - self.past.cuts[self.asked]

    def passed(self, cron: str) -> bool:
        """Whether a point of this schedule has come since the last retraining."""
        following: datetime = croniter(cron, self.past.moment(self.asked)).get_next(datetime)
        return following <= self.past.moment(self.block)

    def drifted(self) -> bool:
        """Whether the newest block has drifted from the champion's reference."""
        return bool(self.past.drifted[self.champion, self.block - 1])

    def degraded(self, rules: DegradationRules) -> bool:
        """Whether the newest blocks that the champion served prove that it has become too bad."""
        first = self.block
        while first > self.champion and self.past.cuts[self.block] - self.past.cuts[first] < rules.min_rows:
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
        made = self.past.made[self.champion]
        if self.champion == 0 or made is None:
            return self.past.reference
        return _measured(self.past, self.champion, slice(made.holdout, self.past.cuts[self.champion]))


def _measured(past: Past, model: int, rows: slice) -> Performance:
    return measure(past.labels[rows], past.probability[model, rows], resamples=_RESAMPLES)


@dataclass(frozen=True)
class Policy:
    """When to ask for a retraining, and the lines of the project file that choose it."""

    asks: Callable[[Standing], bool]
    yaml: str


@dataclass(frozen=True)
class Replayed:
    """What a policy led to.

    Attributes:
        log_loss: mean over all rows of all blocks, each scored before its label was known, in nats.
        regret: nats per row above the best in hindsight.
        trainings: how many retrainings it asked for; `promotions`: how many of them changed the champion.
        money: what rows and trainings cost, where the project file says what a nat and a training do.
    """

    name: str
    log_loss: float
    regret: float
    trainings: int
    promotions: int
    yaml: str
    money: float | None = None


def policies(degradation: DegradationRules, rules: RetrainingRules) -> dict[str, Policy]:
    """The policies that are compared, by name."""
    every = rules.every_new_records
    quiet = "degradation: {min_rows: 1000000000}", "drift: {windows: 1000, of_windows: 1000}"
    few = "retraining: {every_new_records: 1000000000}"

    def own(at: Standing) -> bool:
        silent = at.asked > at.champion and at.new_rows < rules.min_new_labels
        alerts = at.drifted() or at.degraded(degradation) or at.new_rows >= every
        return at.passed(rules.schedule) or (alerts and not silent)

    return {
        "never": Policy(lambda _: False, "gate: {mode: dry_run}"),
        "each block": Policy(
            lambda _: True, "retraining: {every_new_records: 1, min_new_labels: 1, cool_down_days: 0}"
        ),
        **{name: _scheduled(cron) for name, cron in _CRONS.items()},
        f"every {every:,} rows": Policy(lambda at: at.new_rows >= every, "\n".join(quiet)),
        "drift only": Policy(lambda at: at.drifted(), f"{quiet[0]}\n{few}"),
        "degradation only": Policy(lambda at: at.degraded(degradation), f"{quiet[1]}\n{few}"),
        "the project's own rules": Policy(own, "(as the project file stands)"),
    }


_CRONS = {"weekly": "0 0 * * 1", "monthly": "0 0 1 * *", "quarterly": "0 0 1 */3 *"}


def _scheduled(cron: str) -> Policy:
    return Policy(lambda at: at.passed(cron), f'retraining: {{schedule: "{cron}", every_new_records: 1000000000}}')


def cost_aware(training: float) -> Policy:
    """Retrain once staleness has cost as much as a training does: a threshold on the cost (Mahadevan and Mathioudakis 2023).

    Args:
        training: what one costs, in nats.
    """
    return Policy(lambda at: at.stale() >= training, "(no setting of the project file does this)")


def compare(past: Past, chosen: Mapping[str, Policy], gate: GateRules, training: float = 0.0) -> list[Replayed]:
    """Every policy on the same past, the cheapest first, below the best in hindsight.

    Args:
        training: what a retraining costs, in nats; 0 where nobody has said.
    """
    best, moments = in_hindsight(past, training)
    total = len(past.labels)
    found = [
        Replayed("best in hindsight", best / total, 0.0, len(moments), len(moments), "(nobody can know it before)")
    ]
    walks = []
    for name, policy in chosen.items():
        lost, trainings, promotions = walk(past, policy, gate)
        walks.append(Replayed(name, lost / total, (lost - best) / total, trainings, promotions, policy.yaml))
    return found + sorted(walks, key=lambda one: one.log_loss * total + one.trainings * training)


def walk(past: Past, policy: Policy, gate: GateRules) -> tuple[float, int, int]:
    """Nats lost over all rows, retrainings asked for, and promotions."""
    lost, champion, asked, trainings, promotions = float(past.loss(0)[past.rows(0, 1)].sum()), 0, 0, 0, 0
    for block in range(1, past.blocks):
        if past.made[block] and policy.asks(Standing(past, block, champion, asked)):
            trainings, asked = trainings + 1, block
            if _takes_over(past, champion, block, gate):
                champion, promotions = block, promotions + 1
        lost += float(past.loss(champion)[past.rows(block, block + 1)].sum())
    return lost, trainings, promotions


def _takes_over(past: Past, champion: int, challenger: int, rules: GateRules) -> bool:
    made, before = past.made[challenger], past.made[champion]
    if made is None:
        return False
    rows = np.arange(made.holdout, past.cuts[challenger])
    if before is not None:
        rows = rows[(rows < before.first) | (rows >= before.holdout)]
    if len(rows) < rules.min_rows:
        return False
    nats = np.clip(past.loss(champion)[rows] - past.loss(challenger)[rows], -WORST, WORST)
    return Gains(nats, rules).proven


def in_hindsight(past: Past, training: float = 0.0) -> tuple[float, tuple[int, ...]]:
    """The least that any choice of moments could have lost, without a gate, in nats; and these moments, as blocks.

    Dynamic programming over the last moment before each block: quadratic in the blocks.
    """
    ends = [np.add.reduceat(past.loss(model), past.cuts[:-1]).cumsum() for model in range(past.blocks)]
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    for block in range(1, past.blocks + 1):
        options = [
            (best[m][0] + float(ends[m][block - 1] - (ends[m][m - 1] if m else 0.0)) + training * bool(m), m)
            for m in range(block)
            if m == 0 or past.made[m]
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
        excess: nats per row above what the fresh model lost on the same rows.
    """

    blocks: int
    rows: int
    excess: float


def staleness(past: Past) -> list[Aged]:
    """Loss against the age of the model, youngest first: each model on each later block beside the one made before that block.

    The ages differ in the blocks that they are measured on, so this is a course and no exact law.
    """
    fresh = [block for block in range(1, past.blocks) if past.made[block]]
    losses_of = {model: past.loss(model) for model in (0, *fresh)}
    excess: dict[int, list[Floats]] = {}
    for block in fresh:
        rows = past.rows(block, block + 1)
        for model in (model for model in losses_of if model <= block):
            excess.setdefault(block - model, []).append(losses_of[model][rows] - losses_of[block][rows])
    joined = {age: np.concatenate(parts) for age, parts in sorted(excess.items())}
    return [Aged(age, len(nats), float(nats.mean())) for age, nats in joined.items()]
