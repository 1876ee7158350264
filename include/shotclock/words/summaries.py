"""What steps say to people, as Markdown: short tables and sentences, numbers with their intervals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shotclock.config import BASE_RATE
from shotclock.handoff import Cause, Refitted, Score, TrainedCandidate
from shotclock.judging.drift import Drift
from shotclock.judging.gate import Ruling
from shotclock.judging.performance import Estimate, Performance
from shotclock.judging.verdict import BASE_RATE_ALONE, Verdict
from shotclock.models.scoring import Scored
from shotclock.models.searched import Tuned
from shotclock.rows.blocks import Blocks
from shotclock.words import glossary

REGIMES = {"training": "base_test", "production": "production rows"}
SHOWN, NAMES = glossary.SHOWN, glossary.SHORT


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def compared(name: str, tuned: Tuned | None, run_id: str) -> str:
    if tuned is None:
        return f"**{name}**: nothing to tune"
    search = tuned.search
    kept = (
        ""
        if tuned.by == run_id
        else f"; kept of the retraining `{tuned.by}`, which searched them on {tuned.rows:,} rows"
    )
    best = search.tried[search.best]
    shown = ", ".join(f"{setting} {value}" for setting, value in best.settings.items())
    return (
        f"**{name}**: best of {len(search.tried)} settings: {shown}; log loss {best.log_loss:.4f}, by {search.backend}"
        + kept
    )


def candidate(name: str, cv: Mapping[str, float], score: Score, params: Mapping[str, object], tried: int) -> str:
    settings = table(("setting", "value"), params.items())
    chosen_by = "" if score.metric == "cv_log_loss" else f"; on the track record's older blocks {score.log_loss:.4f}"
    return (
        f"**{name}**: cross-validated log loss {cv['log_loss']:.4f} ± {cv['log_loss_std']:.4f} "
        f"(best of {tried} settings){chosen_by}\n\n{settings}"
    )


def kept_blocks(kept: int, blocks: int) -> str:
    return (
        f"\n\nOf {blocks} blocks of its track record {kept} are as earlier retrainings have written them"
        if kept
        else ""
    )


def blend(weights: Mapping[str, float], score: Score) -> str:
    rows = [(name, f"{weight:.2%}") for name, weight in weights.items()]
    return (
        f"**blend**: the recipes' probabilities, weighed by their track records; on its older blocks {score.log_loss:.4f}"
        f"\n\n{table(('recipe', 'weight'), rows)}"
    )


def selection(winner: str, reason: str, trained: Sequence[TrainedCandidate]) -> str:
    judged_on = glossary.CHOSEN_BY[trained[0].score.metric]
    shown = [name for name in SHOWN if all(name in item.cv for item in trained if item.cv)]
    rows = [(item.name, item.score.log_loss, *(item.cv.get(name, "–") for name in shown)) for item in trained]
    return f"**{winner}** wins: {reason}\n\n{table(('candidate', judged_on, *(f'CV {NAMES[n]}' for n in shown)), rows)}"


def gate(
    champion: str | None, challenger: str, regime: str, ruling: Ruling, figures: Mapping[str, Mapping[str, float]]
) -> str:
    against = f"champion v{champion}" if champion else "the base rate (there is no champion yet)"
    rows = [(algorithm, *(found.get(name, "–") for name in SHOWN)) for algorithm, found in figures.items()]
    figures_table = table((f"on {REGIMES[regime]}", *(NAMES[n] for n in SHOWN)), rows)
    return f"**{ruling.outcome}**: {challenger} against {against}. {ruling.because}\n\n{figures_table}"


def blocks(found: Blocks) -> str:
    """Where the recent rows lie."""
    judging = sum(cut >= found.judging for cut in found.cuts[:-1])
    rows = [
        ("older rows", "", f"{found.first:,}"),
        ("choose", len(found.spans) - judging, f"{found.judging - found.first:,}"),
        ("judge", judging, f"{found.rows - found.judging:,}"),
    ]
    few = "Too few rows to choose on others than those that judge: the gate asks for more confidence."
    once = "" if found.apart else f"\n\n{few}"
    return table(("", "blocks", "rows"), rows) + once


def refit(recipe: str, rows: int, why: str) -> str:
    return f"**{recipe}** is fitted on all {rows:,} rows that it may learn from, those that judged it included: {why}"


def alone(base_rate: Refitted) -> str:
    """What serves where nothing is proven better."""
    return f"{BASE_RATE_ALONE}: it says {float(base_rate.params['positive_rate']):.2%} of every row"


def ruled(ruling: Ruling, refitted: Refitted | None) -> str:
    """Why a version takes over or stays: what the gate said, and what was fitted on everything."""
    if refitted is None:
        return ruling.because
    if refitted.recipe == BASE_RATE:
        return f"{alone(refitted)}; the gate on the best candidate: {ruling.because}"
    learnt = f"{refitted.recipe}, fitted on all {refitted.learnt:,} rows that it may learn from"
    if ruling.promoted:
        return f"{ruling.because}; what takes over is {learnt}"
    return f"the recipe in service stays, refitted: {learnt}; the gate on the challenger: {ruling.because}"


def promotion(uri: str, before: str | None, because: str) -> str:
    kept = f"v{before} is kept as `previous`" if before else "it is the first one"
    return f"`{uri}` is the champion, {kept}. {because}"


def verification(name: str, difference: float) -> str:
    largest = f"largest difference {difference:.0e}" if difference else "not one differs"
    return f"**{name}** was read back from MLflow, without PyCaret and Evidently: same probabilities ({largest})."


def scored(done: Scored, version: str) -> str:
    if not done.rows:
        return f"no rows to score by v{version}: an empty file"
    bad = "".join(f"\n- {reason}: {count:,}" for reason, count in done.reasons.items())
    mean = f"mean probability {done.mean_probability:.4f}"
    return f"{done.scored:,} rows scored by v{version}, {mean}; {done.quarantined:,} set aside{bad}"


def beside(version: str | None) -> str:
    """Who scored the same rows besides; empty where nobody did."""
    return f"\n\nv{version}, the version before, has scored the same rows beside it" if version else ""


def shadow(verdict: Verdict) -> str:
    return f"**{verdict.status}**: {verdict.reason}"


def drift(found: Drift) -> str:
    judged = [column for column in (*found.columns, found.prediction, found.label) if column]
    rows = [
        (
            c.column,
            c.method,
            c.score if c.gap is None else c.gap,
            c.threshold,
            "drifted" if c.drifted else "stable" if c.judged else "not judged",
        )
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


def repeated(rows: int) -> str:
    """What is said of rows that do not count: empty where there are none."""
    return f"; {rows:,} rows repeat an id of an earlier batch: an id counts once, with its newest row" if rows else ""


def retraining(cause: Cause, stop: str) -> str:
    goes = f"**Skipped**: {stop}" if stop else "**Goes on.**"
    rows = [(alert.kind, alert.reason) for alert in cause.alerts]
    answered = table(("alert", "reason"), rows) if rows else ""
    return f"{goes}\n\nStarted because: {cause.why}\n\n{answered}".rstrip()
