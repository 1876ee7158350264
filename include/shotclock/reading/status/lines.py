"""What happened to a batch, as a few lines of text."""

from shotclock.judging.figure import Figure
from shotclock.reading.history import Arrival, Judged, Outcome
from shotclock.words.glossary import spoken
from shotclock.words.signs import SIGNS
from shotclock.words.text import wrapped


def batch(told: Arrival) -> str:
    """Its name and rows; a line of figures for each version that was judged on its window; what came of it."""
    rows = "not scored" if told.rows is None else f"{told.rows:,} rows"
    span = f", window {told.window[0]} … {told.window[-1]} ({len(told.window)} batches)" if len(told.window) > 1 else ""
    champion = f"v{told.champion} in service afterwards" if told.champion else "no champion"
    alerts = ", ".join(map(spoken, told.alerts))
    came = [f"alerts: {alerts}"] if told.alerts else []
    came += dict.fromkeys(map(_came_of_it, told.decisions))  # two alerts may be told the same
    return "\n".join(
        [
            wrapped(f"{told.batch}: {rows}{span}", rest="  "),
            *map(_judged, told.judged),
            wrapped("; ".join([*came, champion]), "  ", "    "),
        ]
    )


def _judged(found: Judged) -> str:
    sign = SIGNS[found.level]
    drift = "  –" if found.drift_share is None else f"{found.drift_share:4.0%}"
    return f"  {f'v{found.version}':<4}{sign.letter} {sign.word:<10}  skill {_skill(found.log_loss_skill):<27} drift {drift}"


def _skill(skill: Figure | None) -> str:
    return str(skill) if skill else "not measured"


def _came_of_it(decision: Outcome) -> str:
    if decision.gate == "not enough data" or decision.outcome == "skip":
        return f"{decision.outcome}: {decision.reason.rpartition('`: ')[2]}"
    return decision.outcome
