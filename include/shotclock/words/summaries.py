"""What steps say to people, as Markdown: short tables and sentences, numbers with their intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shotclock.judging.drift import Drift
from shotclock.judging.performance import Estimate, Performance
from shotclock.judging.verdict import Verdict

REGIMES = {"training": "base_test", "production": "production rows"}
SHOWN = ("log_loss", "log_loss_skill", "roc_auc", "accuracy", "f1")
NAMES = {
    "log_loss": "log loss",
    "log_loss_skill": "skill",
    "roc_auc": "ROC AUC",
    "accuracy": "accuracy",
    "f1": "F1",
    "calibration_error": "calibration error",
}


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def interval(value: float, low: float, high: float) -> str:
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"


def candidate(
    name: str, cv: Mapping[str, float], score: Mapping[str, Any], params: Mapping[str, Any], tried: int
) -> str:
    settings = table(("setting", "value"), params.items())
    chosen_by = "" if score["metric"] == "cv_log_loss" else f"; on the recent validation slice {score['log_loss']:.4f}"
    return (
        f"**{name}**: cross-validated log loss {cv['log_loss']:.4f} ± {cv['log_loss_std']:.4f} "
        f"(best of {tried} settings){chosen_by}\n\n{settings}"
    )


def selection(winner: str, reason: str, trained: Sequence[Mapping[str, Any]]) -> str:
    judged_on = trained[0]["score"]["metric"].replace("_", " ")
    shown = [name for name in SHOWN if all(name in item["cv"] for item in trained)]
    rows = [(item["name"], item["score"]["log_loss"], *(item["cv"][name] for name in shown)) for item in trained]
    return f"**{winner}** wins: {reason}\n\n{table(('candidate', judged_on, *(f'CV {NAMES[n]}' for n in shown)), rows)}"


def gate(outcome: Mapping[str, Any], figures: Mapping[str, Mapping[str, float]]) -> str:
    against = f"champion v{outcome['champion']}" if outcome["champion"] else "the base rate (there is no champion yet)"
    rows = [(algorithm, *(found.get(name, "–") for name in SHOWN)) for algorithm, found in figures.items()]
    figures_table = table((f"on {REGIMES[outcome['regime']]}", *(NAMES[n] for n in SHOWN)), rows)
    return (
        f"**{outcome['outcome']}**: {outcome['challenger']} against {against}. {outcome['because']}\n\n{figures_table}"
    )


def promotion(uri: str, decision: Mapping[str, Any]) -> str:
    before = f"v{decision['champion']} is kept as `previous`" if decision["champion"] else "it is the first one"
    return f"`{uri}` is the champion, {before}. {decision['because']}\n\nLoaded back in a fresh process: same probabilities."


def scored(rows: int, quarantined: int, reasons: Mapping[str, int], version: str, mean: float) -> str:
    bad = "".join(f"\n- {reason}: {count:,}" for reason, count in reasons.items())
    return f"{rows:,} rows scored by v{version}, mean probability {mean:.4f}; {quarantined:,} set aside{bad}"


def drift(found: Drift) -> str:
    judged = [column for column in (*found.columns, found.prediction, found.label) if column]
    rows = [
        (c.column, c.method, c.score if c.gap is None else c.gap, c.threshold, "drifted" if c.drifted else "stable")
        for c in judged
    ]
    verdict = f"**{found.verdict.status}**: {found.verdict.reason}"
    return f"{verdict}\n\n{table(('column', 'distance', 'score', 'threshold', ''), rows)}" if rows else verdict


def performance(
    verdict: Verdict,
    current: Performance,
    estimate: Estimate,
    rows: int,
    estimate_error: float | None = None,
    labels_from: str = "",
) -> str:
    figures = [(NAMES[name], figure) for name, figure in current.figures.items()]
    lent = f", some of them from the batches before it: {labels_from}" if labels_from else ""
    judged = f"{current.rows:,} labelled rows were judged, for a window of {rows:,} rows{lent}"
    parts = [f"**{verdict.status}**: {verdict.reason}. {judged}", table(("figure", "value [interval]"), figures)]
    if estimate.log_loss is not None:
        parts.append(_estimated(estimate.log_loss, estimate_error))
    return "\n\n".join(parts)


def _estimated(log_loss: float, error: float | None) -> str:
    past = "" if error is None else f"; where labels have come it is off by {error:+.4f}"
    return f"Estimate from the champion's own probabilities, without labels: log loss {log_loss:.4f} (advisory{past})"


def retraining(why: str, stop: str, alerts: Sequence[Mapping[str, Any]]) -> str:
    goes = f"**Skipped**: {stop}" if stop else "**Goes on.**"
    answered = table(("alert", "reason"), [(alert["kind"], alert["reason"]) for alert in alerts]) if alerts else ""
    return f"{goes}\n\nStarted because: {why}\n\n{answered}".rstrip()


_BATCH = (("batch", 9), ("rows", 6), ("window", 24), ("drift", 6), ("log loss", 9), ("skill", 27), ("alerts", 30))
_BATCH_LEGEND = "? behind a skill: too few labelled rows for a verdict. –: not measured, or nothing happened."


def batch_header() -> str:
    """The heads of the columns of `batch`, below what its marks mean."""
    return f"{_BATCH_LEGEND}\n" + "".join(f"{head:<{width}} " for head, width in _BATCH) + "champion  decision"


def batch(told: Mapping[str, Any]) -> str:
    """One line about a batch, as `chronicle.batches` tells it. What was not measured is a dash."""
    window = told["window"]
    span = f"{window[0]}…{window[-1]} ({len(window)})" if len(window) > 1 else "".join(window)
    skill = [told[name] for name in ("log_loss_skill", "log_loss_skill_low", "log_loss_skill_high")]
    cells = (
        told["batch"],
        "–" if told["rows"] is None else f"{told['rows']:,}",
        span or "–",
        _figure(told["drift_share"], 2),
        _figure(told["log_loss"], 4),
        "–" if None in skill else f"{interval(*skill)}{'' if _enough(told) else '?'}",
        ", ".join(told["alerts"]) or "–",
    )
    line = "".join(f"{cell:<{width}} " for cell, (_, width) in zip(cells, _BATCH, strict=True))
    champion = f"v{told['champion']}" if told["champion"] else "none"
    came = dict.fromkeys(map(_came_of_it, told["decisions"]))  # two alerts may be told the same
    return f"{line}{champion:<9} {'; '.join(came) or '–'}"


def _enough(told: Mapping[str, Any]) -> bool:
    return bool(told["performance_verdict"] != "insufficient data")


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _came_of_it(decision: Mapping[str, str]) -> str:
    if decision["gate"] == "not enough data" or decision["outcome"] == "skip":
        return f"{decision['outcome']}: {decision['reason'].rpartition('`: ')[2]}"
    return decision["outcome"]
