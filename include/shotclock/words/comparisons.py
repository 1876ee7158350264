"""What people read about the comparison of policies of retraining: a sentence, tables, and how each kind is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from shotclock.judging.policies import Comparison, Kind, Replayed
from shotclock.words.glossary import NATS
from shotclock.words.signs import Shape
from shotclock.words.summaries import table

Colour = Literal["blue", "green", "orange", "red", "gray"]


@dataclass(frozen=True)
class Sign:
    """What stands for a kind of policies: a shape, a letter like it and a colour that say the same, and in words what it is."""

    told: str
    shape: Shape | Literal["square"]
    letter: str
    colour: Colour


SIGNS: dict[Kind, Sign] = {
    "own": Sign("as the project file stands", "square", "■", "green"),
    "points": Sign("at set times, or after so many rows", "circle", "●", "blue"),
    "signs": Sign("on a sign that the model has become worse", "triangle", "▲", "orange"),
    "never": Sign("never", "cross", "✖", "red"),
    "hindsight": Sign("the best choice of moments, which nobody can know before", "ring", "○", "gray"),
}
"""What a policy retrains on, in the order of a legend."""
REGRET = (
    f"Regret: {NATS} lost above the best that any choice of moments could have lost; lower is better. Where the project file "
    "says what a training costs, it counts, too."
)
AGE = (
    f"What age costs: {NATS} that models of an age lost above a model of the same recipe that was made just before the same "
    "rows."
)


def ask(project: str) -> str:
    """How to get a comparison where there is none."""
    return (
        "Nobody has replayed this model's past yet to see which way to decide when to retrain would have been best: trigger "
        f"the DAG {project}.policies, or call: shotclock policies {project}"
    )


def by_regret(found: Comparison) -> list[Replayed]:
    """The policies, the lowest regret first; of equals, who trains less."""
    return sorted(found.replayed, key=lambda one: (one.regret, one.trainings, one.name))


def spread(wanted: Sequence[float], apart: float) -> list[float]:
    """Places from 0 to 1 for labels, as near to where they are wanted as may be with so much between neighbours.

    Args:
        wanted: in rising order, no more of them than have room.
    """
    found, least = list[float](), 0.0
    for place in wanted:
        found.append(max(place, least))
        least = found[-1] + apart
    most = 1.0
    for number in reversed(range(len(found))):
        found[number] = min(found[number], most)
        most = found[number] - apart
    return found


def about(found: Comparison) -> str:
    """What was replayed."""
    return (
        f"{found.rows:,} labelled rows from {found.begin} to {found.end} in {found.blocks} blocks (each a {found.cut_by}), "
        "each scored before its labels were known"
    )


def block(shown: str, rows: int, lost: Mapping[str, float]) -> str:
    """What the recipes that were fitted before a block lost on it."""
    return f"**{shown}**: {rows:,} rows\n\n{table(('recipe', f'log loss, {NATS}'), lost.items())}"


def summary(found: Comparison) -> str:
    """The table of the policies, what age costs, and the lines of the project file that choose each."""
    priced = any(one.money is not None for one in found.replayed)
    header = ("policy", "log loss", "regret", "trainings", "promotions", *(["money"] if priced else []))
    rows = [
        (one.name, one.log_loss, one.regret, one.trainings, one.promotions, *([f"{one.money:,.2f}"] if priced else []))
        for one in found.replayed
    ]
    aged = [(one.blocks, f"{one.rows:,}", one.excess) for one in found.staleness]
    chosen = "\n".join(f"# {one.name}\n{one.yaml}" for one in found.replayed if one.can_be_chosen)
    return "\n\n".join(
        [
            f"{about(found)}.",
            table(header, rows),
            REGRET,
            AGE,
            table(("age in blocks", "rows", NATS), aged),
            f"What chooses each, in the project file:\n\n```yaml\n{chosen}\n```",
        ]
    )
