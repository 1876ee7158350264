"""The figures, as Plotly draws them. Colours hold on light and dark alike, and never say anything alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go

from shotclock.judging.distributions import Distribution
from shotclock.judging.fitness import Window
from shotclock.judging.intervals import wilson
from shotclock.judging.performance import Figure
from shotclock.judging.verdict import Status
from shotclock.reading.health import Candidate, Competition, Tenure
from shotclock_dashboard import words

BLUE, ORANGE, RED, GREEN, GREY = "#4c8fd6", "#d9822b", "#d64550", "#2f9e68", "#8c919a"
COLOURS: dict[Status, str] = {"ok": GREEN, "warning": ORANGE, "alert": RED, "insufficient data": GREY}
CONFIG = {"displayModeBar": False, "scrollZoom": False}

_MOST_TICKS, _LONGEST = 7, 12  # names on an axis, and letters of one
_CLEAR = "rgba(0,0,0,0)"


def over_time(windows: Sequence[Window], tenures: Sequence[Tenure], name: str) -> go.Figure:
    """One performance figure of every window, with its interval, and a line wherever the champion changed.

    Args:
        windows: oldest first.
        name: `log_loss`, `log_loss_skill`, `f1` or `accuracy`.
    """
    made = _frame(height=270)
    places = range(1, len(windows) + 1)
    measured = [(place, window, window.figure(name)) for place, window in zip(places, windows, strict=True)]
    for status, (symbol, _) in words.SYMBOLS.items():
        shown = [(p, w, f) for p, w, f in measured if f and w.performance and w.performance.status == status]
        if shown:
            made.add_trace(_points(shown, name, status, symbol))
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


def _points(shown: Sequence[tuple[int, Window, Figure]], name: str, status: Status, symbol: str) -> go.Scatter:
    values = [figure.value for _, _, figure in shown]
    told = [
        f"<b>{words.NAMES[name]} {words.figure(figure)}</b><br>{_hover(window)}<br>verdict: {status}"
        for _, window, figure in shown
    ]
    return go.Scatter(
        x=[place for place, _, _ in shown],
        y=values,
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 11,
            "color": COLOURS[status],
            "line": {"width": 1.5, "color": COLOURS[status]},
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [figure.high - figure.value for _, _, figure in shown],
            "arrayminus": [figure.value - figure.low for _, _, figure in shown],
            "color": COLOURS[status],
            "thickness": 1.5,
            "width": 4,
        },
        hovertext=told,
        hoverinfo="text",
        cliponaxis=False,
    )


def _hover(window: Window) -> str:
    return words.harmless(words.about(window)).replace(", ", "<br>")


def base_rate(window: Window, name: str) -> float | None:
    """What predicting the window's own positive rate for every row would have come to; None where that says nothing."""
    found = window.performance.metrics if window.performance else {}
    if name == "log_loss":
        return found.get("constant_log_loss")
    if name == "accuracy" and "base_rate" in found:
        return max(found["base_rate"], 1 - found["base_rate"])
    return 0.0 if name == "log_loss_skill" and "log_loss_skill" in found else None


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


def _mark_changes(made: go.Figure, windows: Sequence[Window], tenures: Sequence[Tenure]) -> None:
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


def _before(windows: Sequence[Window], moment: datetime) -> float:
    """Between the last window that was checked before `moment` and the next."""
    return sum(window.at <= moment for window in windows) + 0.5


def _name_windows(made: go.Figure, windows: Sequence[Window]) -> None:
    step = max(1, -(-len(windows) // _MOST_TICKS))
    places = list(range(len(windows), 0, -step))
    told_apart = len({window.batches for window in windows}) == len(windows)
    names = [_short(windows[place - 1], by_batch=told_apart) for place in places]
    made.update_xaxes(tickvals=places, ticktext=names, range=[0.4, len(windows) + 0.6], showgrid=False)


def _short(window: Window, *, by_batch: bool) -> str:
    """The window's newest batch, or when it was checked where batches do not tell windows apart."""
    batch = window.batches[-1] if window.batches and by_batch else f"{window.at:%m-%d %H:%M}"
    return words.harmless(batch if len(batch) <= _LONGEST else f"{batch[: _LONGEST - 1]}…")


def labels_over_time(windows: Sequence[Window]) -> go.Figure:
    """The share of positive labels in every window, with its interval, beside the mean that was predicted there."""
    made = _frame(height=270, legend=True)
    found = [(place, window, _positives(window)) for place, window in enumerate(windows, start=1)]
    shown = [(place, window, pair) for place, window, pair in found if pair is not None]
    shares = [positives / rows for _, _, (positives, rows) in shown]
    bounds = [wilson(positives, rows) for _, _, (positives, rows) in shown]
    made.add_trace(
        go.Scatter(
            x=[place for place, _, _ in shown],
            y=shares,
            name="observed",
            mode="markers",
            marker={"symbol": "circle", "size": 11, "color": BLUE},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [high - share for share, (_, high) in zip(shares, bounds, strict=True)],
                "arrayminus": [share - low for share, (low, _) in zip(shares, bounds, strict=True)],
                "color": BLUE,
                "thickness": 1.5,
                "width": 4,
            },
            hovertext=[
                f"<b>observed {share:.4f} [{low:.4f}, {high:.4f}]</b><br>{_hover(window)}"
                for (_, window, _), share, (low, high) in zip(shown, shares, bounds, strict=True)
            ],
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
    made.update_yaxes(tickformat=".0%")
    return made


def _positives(window: Window) -> tuple[int, int] | None:
    found = window.performance.metrics if window.performance else {}
    return (int(found["positives"]), int(found["rows"])) if found.get("rows") else None


def distribution(found: Distribution) -> go.Figure:
    """Bars for the window, a stepped line for its reference: shares of each side's values."""
    made = _frame(height=210, legend=True)
    hover = "%{customdata}<br>%{fullData.name}: %{y:.2%}<extra></extra>"
    common: dict[str, Any] = {"x": found.middles, "customdata": found.labels, "hovertemplate": hover}
    made.add_trace(go.Bar(y=found.current, name="window", marker={"color": BLUE, "opacity": 0.65}, **common))
    line = {"shape": "hvh", "color": ORANGE, "width": 2.5}
    made.add_trace(
        go.Scatter(y=found.reference, name="reference", mode="lines+markers", marker={"size": 4}, line=line, **common)
    )
    made.update_layout(bargap=0.08)
    made.update_yaxes(tickformat=".0%", rangemode="tozero")
    made.update_xaxes(nticks=7, showgrid=False)
    if len(found.labels) <= _MOST_TICKS:
        made.update_xaxes(tickvals=found.middles, ticktext=found.labels)
    return made


def scores_over_time(windows: Sequence[Window], column: str, threshold: float) -> go.Figure:
    """A column's drift score in every window, against its threshold."""
    made = _frame(height=120)
    shown = [(place, window.scores[column]) for place, window in enumerate(windows, start=1) if column in window.scores]
    drifted = [value >= threshold for _, value in shown]
    made.add_trace(
        go.Scatter(
            x=[place for place, _ in shown],
            y=[value for _, value in shown],
            mode="lines+markers",
            line={"color": GREY, "width": 1},
            marker={
                "size": 9,
                "symbol": ["x" if bad else "circle" for bad in drifted],
                "color": [RED if bad else GREEN for bad in drifted],
            },
            cliponaxis=False,
            hovertext=[f"<b>drift score {value:.4f}</b><br>{_hover(windows[place - 1])}" for place, value in shown],
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
    _Loss("recent validation rows", "◆", "diamond", BLUE, lambda one: one.validation_log_loss),
    _Loss("the gate's holdout", "■", "square", ORANGE, lambda one: one.holdout.get("log_loss")),
)


def candidate_marks(found: Sequence[Candidate]) -> str:
    """What the marks in `candidates` mean."""
    marks = " · ".join(f"{loss.letter} {loss.label}" for loss in _LOSSES if any(map(loss.of, found)))
    return f"Log loss in nats per row, lower is better, on {marks}."


def candidates(found: Sequence[Candidate]) -> go.Figure:
    """The log loss of each candidate on each kind of rows, best candidate on top."""
    made = _frame(height=90 + 42 * len(found))
    names = [f"<b>{words.harmless(one.name)} ★</b>" if one.won else words.harmless(one.name) for one in found]
    for loss in _LOSSES:
        shown = [
            (name, one, value) for name, one in zip(names, found, strict=True) if (value := loss.of(one)) is not None
        ]
        if not shown:
            continue
        made.add_trace(
            go.Scatter(
                x=[value for _, _, value in shown],
                y=[name for name, _, _ in shown],
                name=loss.label,
                mode="markers",
                marker={
                    "symbol": loss.symbol,
                    "size": 11,
                    "color": loss.colour,
                    "line": {"width": 1.5, "color": loss.colour},
                },
                error_x=_spread(loss, [one for _, one, _ in shown]),
                hovertemplate=f"%{{y}}<br>{loss.label}: %{{x:.4f}}<extra></extra>",
            )
        )
    made.update_yaxes(autorange="reversed", automargin=True, categoryorder="array", categoryarray=names)
    made.update_xaxes(title="log loss", tickformat=".3f", nticks=5, tickangle=0)
    return made


def _spread(loss: _Loss, shown: Sequence[Candidate]) -> dict[str, object] | None:
    if loss.spread is None:
        return None
    return {"type": "data", "array": [loss.spread(one) or 0 for one in shown], "color": loss.colour, "thickness": 1.2}


def gates(found: Sequence[Competition]) -> go.Figure:
    """What each challenger gained over its opponent, with the interval, newest on top."""
    shown = [(one, one.gate, one.gate.gain) for one in found if one.gate and one.gate.gain]
    made = _frame(height=120 + 44 * len(shown))
    names = [f"{one.at:%Y-%m-%d %H:%M}<br>{words.harmless(gate.challenger)}" for one, gate, _ in shown]
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
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [gain.high - gain.value for _, _, gain in shown],
                "arrayminus": [gain.value - gain.low for _, _, gain in shown],
                "color": GREY,
                "thickness": 1.5,
            },
            hovertext=[
                f"<b>gain {words.figure(gain)}</b> on {gate.rows:,} rows<br>over {_opponent(gate.champion)}<br>{gate.outcome}"
                for _, gate, gain in shown
            ],
            hoverinfo="text",
        )
    )
    made.add_vline(x=0, line={"width": 1.5, "color": GREY})
    made.update_yaxes(autorange="reversed", automargin=True)
    made.update_xaxes(title="gain, nats per row", tickformat=".3f", nticks=5, tickangle=0)
    return made


def _opponent(champion: str | None) -> str:
    return f"champion v{champion}" if champion else "the base rate"


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
