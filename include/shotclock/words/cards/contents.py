"""What the model card and the page of a decision tell, gathered from what the steps before have left."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from shotclock.config import BASE_RATE, Columns, Project, project
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import AnyData, Gated, RecentData, Refitted, Selection
from shotclock.judging import performance, slices
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import level_of
from shotclock.judging.verdict import BASE_RATE_ALONE, against_base_rate
from shotclock.models.candidates.algorithms import at_edge
from shotclock.store.records import Decision
from shotclock.store.run import Run, folder_of
from shotclock.store.versions import registry
from shotclock.words import glossary, summaries
from shotclock.words.cards import pages, plots
from shotclock.words.signs import SIGNS, Sign

MODEL_CARD = "model_card.html"
CHALLENGER_CARD = "challenger_card.html"
DECISION_PAGE = "decision.html"
_PACKAGES = ("shotclock", "scikit-learn", "numpy", "pandas", "skops", "mlflow")
_REGIMES = {"training": "rows of the training file", "production": "production rows"}
_CHECK = """.venv/bin/python -c "
from shotclock.files import storage
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
rows = storage.read_table(artifacts.artifact('{run}', '{scores}.parquet')).to_pandas()
model = registry.version('{project}', '{version}').load()
print(abs(model.predict_proba(rows[list(model.feature_names_in_)])[:, 1] - rows[{probability!r}]).max())\""""


def model_card(
    run: Run,
    selection: Selection,
    gated: Gated,
    data: AnyData,
    version: registry.Version | None = None,
    reference: Address | None = None,
    refitted: Refitted | None = None,
) -> Address:
    """Write the card of a version that is about to be promoted: `model_card.html`.

    Args:
        selection, gated: of the challenger; of a refit they are what was measured of its recipe, see `Refitted`.
        version: None for the card of a challenger that is not registered yet: `challenger_card.html`, for who decides.
    """
    before = gated
    if refitted is not None:
        selection, gated = refitted.shipped(selection), refitted.as_measured(gated)
    rules, measured = project(run.project), gated.measured
    rows = storage.read_table(storage.at(gated.scores)).to_pandas()
    cut = _slices(rules, rows)
    shown = [part.skill for parts in cut.values() for part in parts if part.skill]
    sign, fitness = _fitness(measured.log_loss_skill, gated, refitted)
    told = _shared(run, selection, before, data) | {
        "took": _took(before, refitted),
        "version": version.number if version else "",
        "algorithm": selection.winner,
        "alone": BASE_RATE_ALONE if selection.winner.partition(".")[0] == BASE_RATE else "",
        "before": gated.champion,
        "positives": measured.positives,
        "base_rate": measured.base_rate,
        "sign": sign,
        "fitness": fitness,
        "data": _data(rules, selection, gated, data),
        "training": _training(rules, selection),
        "slices": cut,
        "scale": plots.scale(shown),
        "bins": plots.bins(*_scored(rules, rows)) if len(rows) else [],
        "reference": _reference(rules, reference),
        "again": _again(run, rules, selection, gated, data, version, refitted),
        "limits": [
            *_learnt_since(before, refitted),
            *([] if version else _to_be_fitted(rules, data)),
            *_edges(selection),
            *_limits(rules, gated, cut),
        ],
    }
    return _write(pages.model_card(told), folder_of(run) / (MODEL_CARD if version else CHALLENGER_CARD))


def decision_page(run: Run, selection: Selection, gated: Gated, data: AnyData, told: Decision) -> Address:
    """Write the page of a decision, promoted or kept: `decision.html`. `told`: what the decision's MLflow run says."""
    verdict = [
        ("decided by", told.by),
        ("the gate said", gated.ruling.outcome),
        ("champion before", f"v{told.before}" if told.before else "none"),
        ("champion after", f"v{told.after}" if told.after else "none"),
    ]
    if gated.ruling.more_rows:
        verdict.append((glossary.MORE_ROWS, f"{gated.ruling.more_rows:,}"))
    places = [
        ("data", data.mlflow_run_id),
        ("training", selection.training_run_id),
        ("chosen candidate", selection.mlflow_run_id),
        ("gate", gated.mlflow_run_id),
    ]
    page = _shared(run, selection, gated, data) | {
        "outcome": told.decision,
        "reason": told.reason,
        "before": told.before,
        "after": told.after,
        "verdict": verdict,
        "why": data.cause.why if isinstance(data, RecentData) else f"It was started by: {run.cause}",
        "alerts": data.cause.alerts if isinstance(data, RecentData) else (),
        "places": [(f"MLflow run of the {name}", place) for name, place in places],
    }
    return _write(pages.decision(page), folder_of(run) / DECISION_PAGE)


def _write(page: str, path: Address) -> Address:
    with storage.replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")
    return path


def _shared(run: Run, selection: Selection, gated: Gated, data: AnyData) -> dict[str, object]:
    found = selection.candidates
    metric = next(item.score.metric for item in found.values())
    chosen = gated.challenger
    candidates = [
        {
            "name": name,
            "won": name == chosen,
            "score": item.score.log_loss,
            "figures": gated.figures[name],
        }
        for name, item in sorted(found.items(), key=lambda item: item[1].score.log_loss)
    ]
    return {
        "project": run.project,
        "title": project(run.project).title,
        "flow": run.flow,
        "run": run.id,
        "synthetic": data.synthetic,
        "selection": selection.reason,
        "rows": gated.measured.rows,
        "figures": {name: gated.measured.figures.get(name) for name in summaries.NAMES},
        "gap": gated.measured.gap,
        "measured_with": gated.measured.confidence,
        "candidates": candidates,
        "chosen_by": glossary.CHOSEN_BY[metric],
        "record": _record(project(run.project), selection, data),
        "churn": gated.churn.told(gated.champion) if gated.churn and gated.champion else "",
        "gate": {
            "because": gated.ruling.because,
            "gain": gated.ruling.gain,
            "against": gated.ruling.against,
            "confidence": gated.ruling.confidence,
            "min_gain": project(run.project).gate.min_gain,
        },
    }


def _record(project: Project, selection: Selection, data: AnyData) -> dict[str, object] | None:
    """Each recipe's log loss on each block, best first by the blocks that choose; None for a first training."""
    if not isinstance(data, RecentData):
        return None
    columns, blocks = project.columns, data.blocks
    days = storage.read_table(storage.at(data.all), [columns.time]).column(0)
    heads = [
        {
            "rows": span.stop - span.start,
            "to": str(pc.max(days.slice(span.start, span.stop - span.start)).as_py())[:10],
            "judges": span.start >= blocks.judging,
        }
        for span in blocks.spans
    ]
    best = sorted(selection.candidates.items(), key=lambda item: item[1].score.log_loss)
    return {"blocks": heads, "recipes": {name: _by_block(columns, item.record, data) for name, item in best}}


def _by_block(columns: Columns, path: str, data: RecentData) -> list[float]:
    rows = storage.read_table(storage.at(path)).to_pandas()
    loss = performance.losses(rows[columns.target].to_numpy(), rows[columns.probability].to_numpy())
    return [
        float(loss[span.start - data.blocks.first : span.stop - data.blocks.first].mean()) for span in data.blocks.spans
    ]


def _scored(project: Project, rows: pd.DataFrame) -> tuple[Any, Any]:
    return rows[project.columns.target].to_numpy(np.float64), rows[project.columns.probability].to_numpy(np.float64)


def _slices(project: Project, rows: pd.DataFrame) -> dict[str, list[slices.SliceFigures]]:
    chosen = project.slices or slices.default_slices(project.columns.features, rows)
    return slices.by_slice(rows, *_scored(project, rows), chosen, confidence=project.gate.confidence)


def _took(gated: Gated, refitted: Refitted | None) -> str:
    """How it came into service."""
    if gated.ruling.promoted:
        return "promoted by the gate"
    if gated.instead:
        return "the base rate, where no candidate is proven better"
    return "the recipe in service, refitted" if refitted else "promoted"


def _learnt_since(gated: Gated, refitted: Refitted | None) -> list[str]:
    if refitted is None or gated.instead:
        return []
    return [
        "No figure on this page was measured on this very fit. Each row was scored by a fit of the same recipe that knew only "
        f"the rows before its block; then the recipe was fitted once more, on {refitted.learnt:,} rows, with those that "
        "judged it."
    ]


def _to_be_fitted(rules: Project, data: AnyData) -> list[str]:
    if not isinstance(data, RecentData) or rules.retraining.ships != "refit":
        return []
    return ["What takes over is this recipe fitted once more, on all labelled rows, with those that judged it."]


def _fitness(skill: Figure | None, gated: Gated, refitted: Refitted | None) -> tuple[Sign, str]:
    """The first question of a reader, with the sign and in the words that all pages have for it."""
    unseen = refitted is None or gated.instead
    seen = "that it never saw" if unseen else "that its recipe was judged on before it learnt from them"
    rows = gated.measured.rows if refitted else gated.ruling.rows
    on = f"On {rows:,} {_REGIMES[gated.regime]} {seen}"
    better = f"The gate found it better than the {gated.ruling.against}."
    if gated.instead:
        better = f"{BASE_RATE_ALONE}; a recipe takes over once its record proves it better."
    elif not gated.ruling.promoted:
        better = "It stays because the gate found nothing better, and was fitted on what has come since."
    if skill is None:
        return SIGNS["unknown"], f"{on}, its skill could not be measured. {better}"
    said = glossary.capital(against_base_rate(skill))
    return SIGNS[level_of(skill)], f"{said}. {on}, its log-loss skill is {skill}. {better}"


def _data(project: Project, selection: Selection, gated: Gated, data: AnyData) -> list[tuple[str, str]]:
    learnt, judged = storage.at(data.of(selection.rows)), storage.at(gated.scores)
    file = (
        f"labelled rows of the newest batches, up to window {data.window}"
        if isinstance(data, RecentData)
        else storage.at(data.file).name
    )
    return [
        ("from", file),
        ("sha256", data.sha256),
        ("label", f"{project.columns.target}: 0 or 1"),
        ("features", ", ".join(project.columns.features)),
        ("learnt from", _extent(project, learnt)),
        ("judged on", f"{_extent(project, judged)}: {_REGIMES[gated.regime]}"),
    ]


def _extent(project: Project, path: Address) -> str:
    """How many rows a file has, and their first and last day."""
    days = storage.read_table(path, [project.columns.time]).column(0)
    ends = pc.min_max(days).as_py()
    return f"{len(days):,} rows from {str(ends['min'])[:10]} to {str(ends['max'])[:10]}"


def _training(project: Project, selection: Selection) -> list[tuple[str, str]]:
    searched = f"{project.training.backend}, {project.training.folds} folds, {project.training.iterations} settings"
    return [
        ("algorithm", selection.winner),
        *([] if selection.winner.partition(".")[0] == BASE_RATE else [("searched by", searched)]),
        *((name, value) for name, value in sorted(selection.params.items())),
        ("MLflow run", selection.mlflow_run_id),
    ]


def _reference(project: Project, path: Address | None) -> list[tuple[str, str]]:
    tests = ", ".join(f"{name}: {f.drift} from {f.drift_threshold:g}" for name, f in project.columns.given.items())
    share, least = f"{project.drift.share:.0%}", f"{project.drift.min_rows:,}"
    rows = [("alert", f"when {share} of the columns have drifted, in windows of {least} rows or more")]
    if path is not None:
        stored = ("reference", f"{_extent(project, path)}: reference.parquet of this decision's MLflow run")
        rows = [stored, ("sha256", storage.digest(path)), *rows]
    return [*rows, ("drifted", tests)]


def _again(
    run: Run,
    project: Project,
    selection: Selection,
    gated: Gated,
    data: AnyData,
    version: registry.Version | None,
    refitted: Refitted | None,
) -> dict[str, object]:
    seeds = {"search": selection.seed, "gate": project.gate.seed}
    if isinstance(data, RecentData):
        name = f"v{version.number}" if version else "the challenger"
        command = f".venv/bin/shotclock retrain {run.project} --reason 'make {name} again'"
        how = (
            f"With v{gated.champion} as the champion and the batches up to window {data.window} scored, the same "
            "project file and versions give the same model:"
        )
    else:
        command = f".venv/bin/shotclock train {run.project} --file {storage.at(data.file).name}"
        how = "The same file, project file and versions give the same model, whatever champion it meets at the gate:"
        seeds = {"split": data.split_seed, **seeds}
    return {
        "how": how,
        "command": command,
        "check": version
        and _CHECK.format(
            run=refitted.mlflow_run_id if refitted else gated.mlflow_run_id,
            scores="refit_scores" if refitted else "gate_scores",
            project=run.project,
            version=version.number,
            probability=project.columns.probability,
        ),
        "facts": [
            ("seeds", ", ".join(f"{name} {seed}" for name, seed in seeds.items())),
            ("versions", _versions()),
            ("sha256 of modelo_final.pickle", storage.digest(storage.at(selection.model))),
            *([("sha256 of the registered files", version.digest or "none")] if version else []),
        ],
    }


@lru_cache(maxsize=1)
def _versions() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return ", ".join([f"Python {python}", *(f"{name} {installed(name)}" for name in _PACKAGES)])


def _edges(selection: Selection) -> list[str]:
    edges = at_edge(selection.winner.partition(".")[0], selection.params)
    told = ", ".join(f"{name} {selection.params[name]}" for name in edges)
    said = {
        f"The search ended at the edge of all that it ever tries: {told}. A better setting may lie beyond.": edges,
        "The search had settings left to try beyond its space when its steps there ran out: a better one may be among them. "
        "A greater training.iterations lets it draw more.": selection.cut_short,
    }
    return [sentence for sentence, holds in said.items() if holds]


def _limits(project: Project, gated: Gated, cut: Mapping[str, list[slices.SliceFigures]]) -> list[str]:
    """What a reader must not expect, from the figures themselves."""
    parts = [(name, part) for name, found in cut.items() for part in found]
    thin = [f"{name} {part.label}" for name, part in parts if part.gap and part.rows]
    useless = [f"{name} {part.label}" for name, part in parts if part.skill and part.skill.low <= 0]
    ranges = [f"{name} {_range(feature)}" for name, feature in project.columns.given.items() if _range(feature)]
    limits = [
        f"The figures hold for rows like those that it was judged on: {_REGIMES[gated.regime]}. Drift and quality of "
        "each new window are checked, and an alert starts a retraining.",
        "The gate's rows are used once for the decision and once for this page. The slices were not tested one by one: "
        "of twenty intervals, about one misses.",
    ]
    if useless:
        limits.append(f"No better than their own base rate, as far as these rows can tell: {', '.join(useless)}.")
    if thin:
        limits.append(f"Nothing is known of slices with too few rows or one label: {', '.join(thin)}.")
    if ranges:
        limits.append(f"Rows outside of these values are set aside when a batch is scored: {', '.join(ranges)}.")
    return limits


def _range(feature: Any) -> str:
    if feature.allowed is not None:
        return f"in {', '.join(map(str, feature.allowed))}"
    ends = [f"{sign} {end:g}" for sign, end in (("≥", feature.min), ("≤", feature.max)) if end is not None]
    return " and ".join(ends)
