"""Half a basketball court as Plotly draws it, in feet from the basket. Measures are those of the NBA's rule book."""

from collections.abc import Sequence
from math import cos, radians, sin, sqrt

import numpy as np
import plotly.graph_objects as go

from .places import Cell

SIDE = 25.0  # from the basket to each sideline
BASELINE, HALFWAY = -5.25, 41.75
SPOTS_X = np.arange(-25, 26)  # where a click is understood
SPOTS_Y = np.arange(-5, 42)
_BOARD, _RIM, _KEY, _LINE, _CIRCLE, _RESTRICTED = -1.25, 0.75, 8.0, 13.75, 6.0, 4.0
_FLOOR = ["#fff4e6", "#fdd2a1", "#f6a45c", "#e2762a"]  # light enough for dark lines and numbers on it
_INK = "#3a3d44"
_CORNER, _ARC = 22.0, 23.75  # of the three-point line: distance in the corners, and radius


def spots(probability: Sequence[float], chosen: tuple[float, float]) -> go.Figure:
    """The court coloured by what a model predicts at each spot, the spots to be clicked, and the chosen one.

    Args:
        probability: at each spot: `SPOTS_Y` by `SPOTS_X`, x running fastest.
    """
    made = _frame()
    grid = np.reshape(probability, (len(SPOTS_Y), len(SPOTS_X)))
    made.add_trace(_heat(SPOTS_X, SPOTS_Y, grid, name="predicted"))
    x, y = np.meshgrid(SPOTS_X, SPOTS_Y)
    invisible = {"marker": {"opacity": 0}}
    made.add_trace(
        go.Scatter(
            x=x.ravel(),
            y=y.ravel(),
            customdata=np.ravel(probability),
            mode="markers",
            marker={"size": 12, "opacity": 0},
            selected=invisible,
            unselected=invisible,
            hovertemplate="%{x} ft across, %{y} ft out<br>predicted %{customdata:.6f}<extra></extra>",
        )
    )
    _add_lines(made, _INK)
    made.add_trace(_mark(chosen))
    return made


def _mark(chosen: tuple[float, float]) -> go.Scatter:
    marker = {"size": 18, "symbol": "circle-cross", "color": "#ffffff", "line": {"width": 2.5, "color": "#c8102e"}}
    return go.Scatter(x=[chosen[0]], y=[chosen[1]], mode="markers", marker=marker, hoverinfo="skip", name="chosen")


def shares(cells: Sequence[Cell], size: float, what: str, scale: tuple[float, float], ink: str) -> go.Figure:
    """One share of each square, written into it too.

    Args:
        what: `predicted` or `observed`.
        ink: the colour of the lines, to be seen on the page's background.
        scale: the shares at both ends of the colours, the same for figures that are to be compared.
    """
    made = _frame()
    places = {(cell.x, cell.y): cell for cell in cells}
    xs, ys = _all(size, [x for x, _ in places]), _all(size, [y for _, y in places])
    grid = [[getattr(places[x, y], what) if (x, y) in places else None for x in xs] for y in ys]
    told = [[_told(places.get((x, y))) for x in xs] for y in ys]
    made.add_trace(_heat(xs, ys, grid, name=what, scale=scale, told=told))
    _add_lines(made, ink)
    return made


def _all(size: float, middles: Sequence[float]) -> list[float]:
    """The middles of all squares from the first to the last, those without a cell too: squares must not be stretched."""
    steps = round((max(middles) - min(middles)) / size)
    return [min(middles) + step * size for step in range(steps + 1)]


def _told(cell: Cell | None) -> str:
    if cell is None:
        return ""
    observed = f"{cell.observed:.3f} [{cell.low:.3f}, {cell.high:.3f}]"
    return f"<b>predicted {cell.predicted:.3f}</b><br>observed {observed}<br>{cell.rows} labelled rows"


def _heat(
    x: object,
    y: object,
    grid: object,
    *,
    name: str,
    scale: tuple[float, float] | None = None,
    told: list[list[str]] | None = None,
) -> go.Heatmap:
    low, high = scale or (None, None)
    shown = {
        "text": told,
        "hoverinfo": "text",
        "texttemplate": "%{z:.0%}",
        "textfont": {"size": 11, "color": _INK},
        "hoverongaps": False,
    }
    return go.Heatmap(
        x=x,
        y=y,
        z=grid,
        name=name,
        zmin=low,
        zmax=high,
        colorscale=_FLOOR,
        colorbar={"orientation": "h", "y": 0, "yanchor": "top", "len": 0.7, "tickformat": ".0%", "thickness": 10},
        **(shown if told else {"hoverinfo": "skip", "zsmooth": False}),
    )


def _frame() -> go.Figure:
    made = go.Figure()
    made.update_layout(
        height=470,
        margin={"l": 0, "r": 0, "t": 6, "b": 36},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        hoverdistance=30,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
    made.update_xaxes(range=[-SIDE - 0.5, SIDE + 0.5], **hidden)
    made.update_yaxes(range=[BASELINE - 0.5, HALFWAY + 0.5], scaleanchor="x", constraintoward="bottom", **hidden)
    return made


def _add_lines(made: go.Figure, ink: str) -> None:
    for x, y in _lines():
        made.add_trace(go.Scatter(x=x, y=y, mode="lines", line={"color": ink, "width": 1.6}, hoverinfo="skip"))


def _lines() -> list[tuple[list[float], list[float]]]:
    bend = sqrt(_ARC**2 - _CORNER**2)
    start = np.degrees(np.arctan2(bend, _CORNER))
    arc = _arc(_ARC, start, 180 - start)
    return [
        ([-SIDE, -SIDE, SIDE, SIDE, -SIDE], [BASELINE, HALFWAY, HALFWAY, BASELINE, BASELINE]),
        ([-3, 3], [_BOARD, _BOARD]),
        _arc(_RIM, 0, 360),
        ([-_KEY, -_KEY, _KEY, _KEY], [BASELINE, _LINE, _LINE, BASELINE]),
        _arc(_CIRCLE, 0, 360, _LINE),
        _arc(_RESTRICTED, 0, 180),
        ([_CORNER, *arc[0], -_CORNER], [BASELINE, *arc[1], BASELINE]),
        _arc(_CIRCLE, 180, 360, HALFWAY),
    ]


def _arc(radius: float, start: float, end: float, y: float = 0.0) -> tuple[list[float], list[float]]:
    angles = [radians(angle) for angle in np.linspace(start, end, 61)]
    return [radius * cos(angle) for angle in angles], [y + radius * sin(angle) for angle in angles]
