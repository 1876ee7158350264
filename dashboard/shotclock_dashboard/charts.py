"""The figures, as Plotly draws them. Colours hold on light and dark alike, and never say anything alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import plotly.graph_objects as go

from shotclock.judging.drift.distributions import Distribution
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import LEVELS, Level, WindowHealth
from shotclock.judging.intervals import wilson
from shotclock.judging.policies import Comparison
from shotclock.reading.health import Candidate, Competition, Tenure
from shotclock.words import comparisons, signs
from shotclock.words.glossary import NATS
from shotclock.words.moments import moment
from shotclock.words.windows import about
from shotclock_dashboard import words

BLUE, ORANGE, RED, GREEN, GREY = "#4c8fd6", "#d9822b", "#d64550", "#2f9e68", "#8c919a"
COLOURS: dict[signs.Colour, str] = {"green": GREEN, "orange": ORANGE, "red": RED, "gray": GREY}
SYMBOLS: dict[signs.Shape, str] = {"circle": "circle", "triangle": "triangle-up", "cross": "x", "ring": "circle-open"}
CONFIG = {"displayModeBar": False, "scrollZoom": False}

_MOST_TICKS, _LONGEST = 7, 12  # names on an axis, and letters of one
_CLEAR = "rgba(0,0,0,0)"


def over_time(windows: Sequence[WindowHealth], tenures: Sequence[Tenure], name: str) -> go.Figure:
    """One performance figure of every window, with its interval, and a line wherever the champion changed.

    Args:
        windows: oldest first.
        name: `log_loss`, `log_loss_skill`, `f1` or `accuracy`.
    """
    made = _frame(height=270)
    places = range(1, len(windows) + 1)
    measured = [(place, window, window.figure(name)) for place, window in zip(places, windows, strict=True)]
    for level in LEVELS:
        shown = [(p, w, f) for p, w, f in measured if f and w.quality == level]
        if shown:
            made.add_trace(_points(shown, name, level))
    bare = [
        (place, rate)
        for place, window in zip(places, windows, strict=True)
        if (rate := base_rate(window, name)) is not None
    ]
    _add_dashes(made, bare)
    _mark_changes(made, windows, tenures)
    _name_windows(made, windows)
    made.update_yaxes(tickformat=".3~f", rangemode="nonnegative" if name == "f1" else "normal")
    return made


def _points(shown: Sequence[tuple[int, WindowHealth, Figure]], name: str, level: Level) -> go.Scatter:
    sign = signs.SIGNS[level]
    colour = COLOURS[sign.colour]
    told = [f"<b>{words.NAMES[name]} {figure}</b><br>{_hover(window)}<br>{sign.alone}" for _, window, figure in shown]
    return go.Scatter(
        x=[place for place, _, _ in shown],
        y=[figure.value for _, _, figure in shown],
        mode="markers",
        marker=_marker(SYMBOLS[sign.shape], colour),
        error_y=_intervals([figure for _, _, figure in shown], colour, width=4),
        hovertext=told,
        hoverinfo="text",
        cliponaxis=False,
    )


def _marker(symbol: str, colour: str) -> dict[str, object]:
    return {"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1.5, "color": colour}}


def _intervals(figures: Sequence[Figure], colour: str, **options: int) -> dict[str, object]:
    """Plotly's error bars: each figure's interval, as lengths from its value."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [figure.high - figure.value for figure in figures],
        "arrayminus": [figure.value - figure.low for figure in figures],
        "color": colour,
        "thickness": 1.5,
        **options,
    }


def _hover(window: WindowHealth) -> str:
    return words.harmless(about(window)).replace(", ", "<br>")


def base_rate(window: WindowHealth, name: str) -> float | None:
    """What predicting the window's own positive rate for every row would have come to; None where that says nothing."""
    metrics = window.performance.metrics if window.performance else {}
    if name == "log_loss":
        return metrics.get("constant_log_loss")
    if name == "accuracy" and "base_rate" in metrics:
        return max(metrics["base_rate"], 1 - metrics["base_rate"])
    return 0.0 if name == "log_loss_skill" and "log_loss_skill" in metrics else None


def _add_dashes(made: go.Figure, shown: Sequence[tuple[int, float]]) -> None:
    if shown:
        made.add_trace(
            go.Scatter(
                x=[place for place, _ in shown],
                y=[value for _, value in shown],
                mode="markers",
                marker={"symbol": "line-ew", "size": _dash(len(shown)), "line": {"width": 2, "color": GREY}},
                hovertemplate="the positive rate alone: %{y:.4f}<extra></extra>",
            )
        )


def _dash(count: int) -> int:
    """How wide in pixels, so that neighbours stay apart."""
    return max(7, min(26, 360 // count))


def _mark_changes(made: go.Figure, windows: Sequence[WindowHealth], tenures: Sequence[Tenure]) -> None:
    """A dotted line between the windows before and after each change of the champion, with the version that came in."""
    changes: dict[float, list[str]] = {}
    for tenure in reversed(tenures):
        changes.setdefault(_before(windows, tenure.since), []).append(f"v{tenure.version}")
    for place, versions in changes.items():
        made.add_vline(x=place, line={"dash": "dot", "width": 1.5, "color": GREY})
        label = " → ".join(versions)
        made.add_annotation(
            x=place, y=1, yref="paper", yanchor="bottom", text=label, showarrow=False, font={"size": 12}
        )


def _before(windows: Sequence[WindowHealth], moment: datetime) -> float:
    """Between the last window that was checked before `moment` and the next."""
    return sum(window.at <= moment for window in windows) + 0.5


def _name_windows(made: go.Figure, windows: Sequence[WindowHealth]) -> None:
    step = max(1, -(-len(windows) // _MOST_TICKS))
    places = list(range(len(windows), 0, -step))
    told_apart = len({window.batches for window in windows}) == len(windows)
    names = [_short(windows[place - 1], by_batch=told_apart) for place in places]
    made.update_xaxes(tickvals=places, ticktext=names, range=[0.4, len(windows) + 0.6], showgrid=False)


def _short(window: WindowHealth, *, by_batch: bool) -> str:
    """The window's newest batch, or when it was checked where batches do not tell windows apart."""
    batch = window.batches[-1] if window.batches and by_batch else f"{window.at:%m-%d %H:%M}"
    return words.harmless(batch if len(batch) <= _LONGEST else f"{batch[: _LONGEST - 1]}…")


def labels_over_time(windows: Sequence[WindowHealth]) -> go.Figure:
    """The share of positive labels in every window, with its interval, beside the mean that was predicted there."""
    made = _frame(height=270, legend=True)
    counted = ((place, window, _positives(window)) for place, window in enumerate(windows, start=1))
    shown = [(place, window, share) for place, window, share in counted if share is not None]
    made.add_trace(
        go.Scatter(
            x=[place for place, _, _ in shown],
            y=[share.value for _, _, share in shown],
            name="observed",
            mode="markers",
            marker={"symbol": "circle", "size": 11, "color": BLUE},
            error_y=_intervals([share for _, _, share in shown], BLUE, width=4),
            hovertext=[f"<b>observed {share}</b><br>{_hover(window)}" for _, window, share in shown],
            hoverinfo="text",
        )
    )
    predicted = [
        (place, window.performance.metrics["estimate_positive_rate"])
        for place, window in enumerate(windows, start=1)
        if window.performance and "estimate_positive_rate" in window.performance.metrics
    ]
    made.add_trace(
        go.Scatter(
            x=[place for place, _ in predicted],
            y=[value for _, value in predicted],
            name="predicted, all scored rows",
            mode="markers",
            marker={"symbol": "diamond-open", "size": 11, "color": ORANGE, "line": {"width": 2}},
            hovertemplate="mean predicted probability %{y:.4f}<extra></extra>",
        )
    )
    _name_windows(made, windows)
    made.update_yaxes(tickformat=".0%", rangemode="tozero")
    return made


def _positives(window: WindowHealth) -> Figure | None:
    """The share of positive labels, or None without a label."""
    metrics = window.performance.metrics if window.performance else {}
    if not metrics.get("rows"):
        return None
    positives, rows = int(metrics["positives"]), int(metrics["rows"])
    return Figure(positives / rows, *wilson(positives, rows))


def distribution(shape: Distribution) -> go.Figure:
    """Bars for the window, a stepped line for its reference: shares of each side's values."""
    made = _frame(height=210, legend=True)
    hover = "%{customdata}<br>%{fullData.name}: %{y:.2%}<extra></extra>"
    named = [escape(label) for label in shape.labels]
    common: dict[str, Any] = {"x": shape.middles, "customdata": named, "hovertemplate": hover}
    made.add_trace(go.Bar(y=shape.current, name="window", marker={"color": BLUE, "opacity": 0.65}, **common))
    line = {"shape": "hvh", "color": ORANGE, "width": 2.5}
    made.add_trace(
        go.Scatter(y=shape.reference, name="reference", mode="lines+markers", marker={"size": 4}, line=line, **common)
    )
    made.update_layout(bargap=0.08)
    made.update_yaxes(tickformat=".0%", rangemode="tozero")
    made.update_xaxes(nticks=7, showgrid=False)
    if len(shape.labels) <= _MOST_TICKS or shape.mean_current is shape.mean_reference is None:
        short = [label if len(label) <= _LONGEST else f"{label[:_LONGEST]}…" for label in shape.labels]
        made.update_xaxes(tickvals=shape.middles, ticktext=[escape(label) for label in short])
    return made


def scores_over_time(windows: Sequence[WindowHealth], column: str, threshold: float) -> go.Figure:
    """A column's drift score in every window, against its threshold."""
    made = _frame(height=120)
    shown = [(place, window.scores[column]) for place, window in enumerate(windows, start=1) if column in window.scores]
    looks = [signs.sign(signs.column(score, threshold)) for _, score in shown]
    made.add_trace(
        go.Scatter(
            x=[place for place, _ in shown],
            y=[score for _, score in shown],
            mode="lines+markers",
            line={"color": GREY, "width": 1},
            marker={
                "size": 9,
                "symbol": [SYMBOLS[sign.shape] for sign in looks],
                "color": [COLOURS[sign.colour] for sign in looks],
            },
            cliponaxis=False,
            hovertext=[f"<b>drift score {score:.4f}</b><br>{_hover(windows[place - 1])}" for place, score in shown],
            hoverinfo="text",
        )
    )
    made.add_hline(y=threshold, line={"dash": "dash", "width": 1.5, "color": ORANGE})
    made.update_xaxes(showticklabels=False, showgrid=False, range=[0.4, len(windows) + 0.6])
    made.update_yaxes(rangemode="tozero", nticks=4)
    return made


@dataclass(frozen=True)
class _Loss:
    """One kind of rows on which candidates were measured, and the mark that stands for it."""

    label: str
    letter: str
    symbol: str
    colour: str
    of: Callable[[Candidate], float | None]
    spread: Callable[[Candidate], float | None] | None = None


_LOSSES = (
    _Loss(
        "cross-validation (± its folds' standard deviation)",
        "○",
        "circle-open",
        GREY,
        lambda one: one.cv_log_loss,
        lambda one: one.cv_log_loss_std,
    ),
    _Loss("the record's older blocks", "◆", "diamond", BLUE, lambda one: one.validation_log_loss),
    _Loss("the gate's rows", "■", "square", ORANGE, lambda one: one.holdout.get("log_loss")),
)


def candidate_marks(compared: Sequence[Candidate]) -> str:
    """What the marks in `candidates` mean."""
    marks = " · ".join(f"{loss.letter} {loss.label}" for loss in _LOSSES if any(map(loss.of, compared)))
    return f"Log loss in {NATS}, lower is better, on {marks}."


def candidates(compared: Sequence[Candidate]) -> go.Figure:
    """The log loss of each candidate on each kind of rows, best candidate on top."""
    made = _frame(height=90 + 42 * len(compared))
    names = [f"<b>{words.harmless(one.name)} ★</b>" if one.won else words.harmless(one.name) for one in compared]
    for loss in _LOSSES:
        shown = [
            (name, one, value) for name, one in zip(names, compared, strict=True) if (value := loss.of(one)) is not None
        ]
        if not shown:
            continue
        made.add_trace(
            go.Scatter(
                x=[value for _, _, value in shown],
                y=[name for name, _, _ in shown],
                name=loss.label,
                mode="markers",
                marker=_marker(loss.symbol, loss.colour),
                error_x=_spread(loss, [one for _, one, _ in shown]),
                hovertemplate=f"%{{y}}<br>{loss.label}: %{{x:.4f}}<extra></extra>",
            )
        )
    made.update_yaxes(autorange="reversed", automargin=True, categoryorder="array", categoryarray=names)
    made.update_xaxes(title="log loss", tickformat=".3f", nticks=3, tickangle=0)
    return made


def _spread(loss: _Loss, shown: Sequence[Candidate]) -> dict[str, object] | None:
    if loss.spread is None:
        return None
    return {"type": "data", "array": [loss.spread(one) or 0 for one in shown], "color": loss.colour, "thickness": 1.2}


def gates(competitions: Sequence[Competition]) -> go.Figure:
    """What each challenger gained over its opponent, with the interval, newest on top."""
    shown = [(one, one.gate, one.gate.gain) for one in competitions if one.gate and one.gate.gain]
    made = _frame(height=120 + 44 * len(shown))
    names = [f"{moment(one.at)}<br>{words.harmless(gate.challenger)}" for one, gate, _ in shown]
    better = [gate.outcome == "promote" for _, gate, _ in shown]
    made.add_trace(
        go.Scatter(
            x=[gain.value for _, _, gain in shown],
            y=names,
            mode="markers",
            marker={
                "size": 11,
                "symbol": ["star" if won else "circle-open" for won in better],
                "color": [GREEN if won else GREY for won in better],
            },
            error_x=_intervals([gain for _, _, gain in shown], GREY),
            hovertext=[
                f"<b>gain {gain}</b> on {gate.rows:,} rows<br>over {_opponent(gate.champion)}<br>{gate.outcome}"
                for _, gate, gain in shown
            ],
            hoverinfo="text",
        )
    )
    made.add_vline(x=0, line={"width": 1.5, "color": GREY})
    made.update_yaxes(autorange="reversed", automargin=True)
    made.update_xaxes(title=f"gain, {NATS}", tickformat=".3f", nticks=5, tickangle=0)
    return made


def _opponent(champion: str | None) -> str:
    return f"champion v{champion}" if champion else "the base rate"


_POLICIES = {"blue": BLUE, "green": GREEN, "orange": ORANGE, "red": RED, "gray": GREY}
_LINE = 19  # pixels between the names of two policies


def policies(found: Comparison) -> go.Figure:
    """Regret against the number of trainings, a marker for each policy, led to its name at the right."""
    told = comparisons.by_regret(found)
    height = max(260, _LINE * (len(told) + 1))
    made = _frame(height=height + 80)
    highest, most = max(one.regret for one in told) or 1.0, max(1, *(one.trainings for one in told))
    places = comparisons.spread([one.regret / highest for one in told], _LINE / height)
    for one, place in zip(told, places, strict=True):
        sign, beside = comparisons.SIGNS[one.kind], place * highest
        colour, symbol = _POLICIES[sign.colour], "square" if sign.shape == "square" else SYMBOLS[sign.shape]
        made.add_trace(
            go.Scatter(
                x=[one.trainings, most * 1.08, most * 1.16],
                y=[one.regret, beside, beside],
                mode="lines+markers",
                line={"width": 1, "color": "rgba(140,145,154,0.45)"},
                marker={**_marker(symbol, colour), "size": 9, "opacity": [1, 0, 1]},
                cliponaxis=False,
                hovertext=f"<b>{words.harmless(one.name)}</b><br>regret {one.regret:.4f}, log loss {one.log_loss:.4f}"
                f"<br>{one.trainings} trainings, in {one.promotions} another recipe took over",
                hoverinfo="text",
            )
        )
        made.add_annotation(
            x=most * 1.3, y=beside, text=words.harmless(one.name), xanchor="left", showarrow=False, font={"size": 12}
        )
    made.update_xaxes(
        title="trainings", range=[-0.05 * most, 2.6 * most], tickvals=_whole(most), showgrid=False, zeroline=False
    )
    made.update_yaxes(title=f"regret, {NATS}", tickformat=".3~f", range=[-0.05 * highest, 1.05 * highest])
    return made


def _whole(most: int) -> list[int]:
    """Up to five whole numbers from 0 to `most`."""
    return list(range(0, most + 1, max(1, -(-most // 4))))


def ages(found: Comparison) -> go.Figure:
    """What models lost by their age, above a fresh one on the same rows."""
    made = _frame(height=300)
    made.add_trace(
        go.Scatter(
            x=[one.blocks for one in found.staleness],
            y=[one.excess for one in found.staleness],
            mode="lines+markers",
            line={"width": 1, "color": GREY},
            marker={"size": 7, "color": BLUE},
            cliponaxis=False,
            hovertext=[f"{one.blocks} blocks old: {one.excess:+.4f} on {one.rows:,} rows" for one in found.staleness],
            hoverinfo="text",
        )
    )
    made.add_hline(y=0, line={"width": 1.5, "color": GREY})
    made.update_xaxes(title=f"age in blocks (each a {words.harmless(found.cut_by)})", showgrid=False)
    made.update_yaxes(title=NATS, tickformat=".3~f")
    return made


def _frame(height: int, *, legend: bool = False) -> go.Figure:
    layout = go.Layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        dragmode=False,
        hoverlabel={"align": "left"},
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
    )
    made = go.Figure(layout=layout)
    made.update_xaxes(fixedrange=True, automargin=True)
    made.update_yaxes(fixedrange=True, automargin=True)
    return made
