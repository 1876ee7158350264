"""The dashboard's page *Try it* on a court: a spot is clicked, and below it where predictions and outcomes agree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from pandas import DataFrame

from shotclock.config.extension import Value, Version
from shotclock.errors import StoreError
from shotclock.reading import demonstration, history
from shotclock_dashboard import charts, missing

from . import Court, drawing
from .places import Cell, cells, features_at, places

_SIZE, _MIN_ROWS = 4.0, 20  # of the map's squares: feet, and fewest labelled rows
_OBSERVED = (
    "The share of labelled rows with target 1 in this square, with its 95 % interval (Wilson). Rows that the model "
    "was trained on are left out."
)


class OnCourt:
    """Half a court with one chosen spot. A click on it writes into the two fields that hold the spot."""

    def __init__(self, name: str, court: Court) -> None:
        self.name, self.court, self.features = name, court, court.features
        self._fields = f"{name}/spot/x", f"{name}/spot/y"

    def ask(self) -> dict[str, float]:
        st.markdown("**Spot**: click the court, or type it")
        spot = _start(self.name, self.court, history.pulse(self.name))
        labels, axes = ("feet right of the basket", "feet out from the basket"), (drawing.SPOTS_X, drawing.SPOTS_Y)
        for key, start, column, label, axis in zip(self._fields, spot, st.columns(2), labels, axes, strict=True):
            st.session_state.setdefault(key, start)
            column.number_input(label, float(axis[0]), float(axis[-1]), step=1.0, format="%.1f", key=key)
        return {feature: float(value) for feature, value in features_at(self.court, *self._spot).items()}

    @property
    def _spot(self) -> tuple[float, float]:
        x, y = (float(st.session_state[key]) for key in self._fields)
        return x, y

    def draw(self, champion: Version, others: Mapping[str, Value]) -> None:
        key = f"{self.name}/court"
        st.plotly_chart(
            drawing.spots(self._everywhere(champion, others), self._spot),
            config=charts.CONFIG,
            key=key,
            on_select=lambda: self._take_click(key),
            selection_mode="points",
            alt="half a court, coloured by the predicted probability at each spot",
        )
        st.caption(
            f"The colour is what v{champion.number} predicts at each spot for these inputs. ⊕ is the chosen spot."
        )

    def _everywhere(self, champion: Version, others: Mapping[str, Value]) -> list[float]:
        spots = [(float(x), float(y)) for y in drawing.SPOTS_Y for x in drawing.SPOTS_X]
        found = features_at(self.court, *zip(*spots, strict=True))
        rows = (dict(zip(found, map(float, values), strict=True)) for values in zip(*found.values(), strict=True))
        return champion.probability([{**others, **row} for row in rows])

    def _take_click(self, key: str) -> None:
        """Before the page is drawn again: the spot that was clicked becomes the one in the fields."""
        points: list[dict[str, Any]] = st.session_state[key].selection.points
        if points:
            for field, axis in zip(self._fields, ("x", "y"), strict=True):
                st.session_state[field] = float(points[0][axis])

    def draw_below(self, roles: Mapping[str, str]) -> None:
        """Predicted beside observed share, by squares of the court, on one scale."""
        st.subheader("Predicted against observed", anchor=False, help=_OBSERVED)
        role = st.segmented_control(
            "Version",
            list(roles),
            default="champion",
            required=True,
            format_func=lambda role: f"{role}, v{roles[role]}",
            key=f"{self.name}/map",
        )
        try:
            squares, rows = _map(self.name, roles[role or "champion"], self.court, history.pulse(self.name))
        except StoreError as error:  # nothing scored yet: its own words say what to do
            missing.reason(str(error))
            return
        shown = sum(cell.rows for cell in squares)
        told = f"{rows:,} labelled rows of its newest window that it was not trained on, {shown:,} of them shown"
        st.caption(f"{told}; squares of {_SIZE:g} feet with at least {_MIN_ROWS} rows. Hover for the interval.")
        if squares:
            self._draw_map(squares)
        else:
            st.info("No square holds enough labelled rows yet.", icon=":material/hourglass_empty:")

    def _draw_map(self, squares: list[Cell]) -> None:
        both = [share for cell in squares for share in (cell.predicted, cell.observed)]
        ink = "#e8e8ea" if st.context.theme.type == "dark" else "#3a3d44"  # seen on the page's background
        for place, what in zip(st.columns(2), ("predicted", "observed"), strict=True):
            place.markdown(f"**{what.capitalize()}**")
            place.plotly_chart(
                drawing.shares(squares, _SIZE, what, (min(both), max(both)), ink),
                config=charts.CONFIG,
                key=f"{self.name}/map/{what}",
                alt=f"{what} share by squares of the court",
            )
        with st.expander("All squares as a table"):
            st.dataframe([_row(cell) for cell in squares], hide_index=True)


@st.cache_resource(max_entries=64, show_spinner=False)
def _start(name: str, _court: Court, pulse: str) -> tuple[float, float]:
    """A spot such as the champion was judged on, to a foot's tenth: so the first answer is about something that it knows."""
    number = demonstration.roles(name)[demonstration.ROLES[0]]
    row = demonstration.most_usual(name, number, _court.features)
    x, y = (float(feet[0]) for feet in places(_court, DataFrame([row])))
    return round(x, 1), round(y, 1)


@st.cache_resource(max_entries=64, show_spinner=False)
def _map(name: str, number: str, _court: Court, pulse: str) -> tuple[list[Cell], int]:
    """The squares of the court, and how many labelled rows there are; read again when a run of the project has ended."""
    seen = demonstration.unseen(name, number)
    x, y = places(_court, seen.rows)
    squares = cells(x, y, seen.probability, seen.label, size=_SIZE, min_rows=_MIN_ROWS)
    return squares, int((~np.isnan(seen.label)).sum())


def _row(cell: Cell) -> dict[str, str]:
    return {
        "feet right of the basket": f"{cell.x - _SIZE / 2:g} to {cell.x + _SIZE / 2:g}",
        "feet out": f"{cell.y - _SIZE / 2:g} to {cell.y + _SIZE / 2:g}",
        "predicted": f"{cell.predicted:.4f}",
        "observed": f"{cell.observed:.4f} [{cell.low:.4f}, {cell.high:.4f}]",
        "labelled rows": f"{cell.rows}",
    }
