"""One prediction at a time, of the version in service and of the one before it; and where on the court they hold."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from shotclock.config import Court, project
from shotclock.errors import StoreError
from shotclock.judging.court import Cell, features_at
from shotclock.reading.demonstration import Input, Served
from shotclock_dashboard import charts, court, missing, standing, store, words

_SIZE, _MIN_ROWS = 4.0, 20  # of the map's squares: feet, and fewest labelled rows
_WIDEST_SLIDER = 100  # whole numbers; among more of them nobody finds the one that is meant
_START = (0.0, 15.0)  # the free-throw line


@st.fragment(run_every=store.EVERY)
def show(name: str) -> None:
    roles = store.roles(name)
    if "champion" not in roles:
        missing.champion(name)
        return
    try:
        served = {role: store.served(name, number) for role, number in roles.items()}
        asked = store.inputs(name, roles["champion"])
    except StoreError as error:  # a version's files, or its reference, are gone: its own words say which
        missing.reason(str(error))
        return
    demonstration = project(name).demonstration
    st.subheader("Try a prediction", anchor=False)
    if demonstration is None:
        values = _form(name, asked)
        _answers(served, values)
        return
    placed = demonstration.court.features
    with_court, with_form = st.columns([3, 2])
    with with_form:
        answers = st.container()  # above the form that they follow from: on a telephone, right below the court
        spot = _spot(name)
        others = _form(name, [one for one in asked if one.name not in placed])
    with with_court:
        _court(name, demonstration.court, served["champion"], others, spot)
    with answers:
        _answers(served, others | _at(demonstration.court, spot))
    _maps(name, roles)


def _form(name: str, asked: list[Input]) -> dict[str, float]:
    """A widget for each input, made for its type and its range."""
    return {one.name: _widget(f"{name}/{one.name}", one) for one in asked}


def _widget(key: str, one: Input) -> float:
    label = words.plain(one.name.replace("_", " "))
    if set(one.choices) == {0.0, 1.0}:
        return float(st.toggle(label, value=bool(one.start), key=key))
    if one.choices:
        return float(st.selectbox(label, one.choices, index=one.choices.index(one.start), key=key))
    if one.whole:
        low, high, start = int(one.low), int(one.high), int(one.start)
        ask = st.slider if 0 < high - low <= _WIDEST_SLIDER else st.number_input
        return float(ask(label, low, high, start, key=key))
    return float(st.number_input(label, one.low, one.high, one.start, format="%.6g", key=key))


def _spot(name: str) -> tuple[float, float]:
    """The chosen spot, in feet. A click on the court writes into the same two fields."""
    st.markdown("**Spot**: click the court, or type it")
    across, out = st.columns(2)
    (low_x, high_x), (low_y, high_y) = ((float(axis[0]), float(axis[-1])) for axis in (court.SPOTS_X, court.SPOTS_Y))
    keys = _spot_keys(name)
    for key, start in zip(keys, _START, strict=True):
        st.session_state.setdefault(key, start)
    x = across.number_input("feet right of the basket", low_x, high_x, step=1.0, format="%.1f", key=keys[0])
    y = out.number_input("feet out from the basket", low_y, high_y, step=1.0, format="%.1f", key=keys[1])
    return float(x), float(y)


def _spot_keys(name: str) -> tuple[str, str]:
    return f"{name}/spot/x", f"{name}/spot/y"


def _at(rules: Court, spot: tuple[float, float]) -> dict[str, float]:
    return {feature: float(value) for feature, value in features_at(rules, *spot).items()}


def _court(name: str, rules: Court, served: Served, others: Mapping[str, float], spot: tuple[float, float]) -> None:
    figure = court.spots(_everywhere(rules, served, others), spot)
    key = f"{name}/court"
    st.plotly_chart(
        figure,
        config=charts.CONFIG,
        key=key,
        on_select=lambda: _take_click(name, key),
        selection_mode="points",
        alt="half a court, coloured by the predicted probability at each spot",
    )
    st.caption(f"The colour is what v{served.number} predicts at each spot for these inputs. ⊕ is the chosen spot.")


def _everywhere(rules: Court, served: Served, others: Mapping[str, float]) -> list[float]:
    spots = [(float(x), float(y)) for y in court.SPOTS_Y for x in court.SPOTS_X]
    found = features_at(rules, *zip(*spots, strict=True))
    rows = [
        dict(others) | {name: float(values[place]) for name, values in found.items()} for place in range(len(spots))
    ]
    return served.probability(rows)


def _take_click(name: str, key: str) -> None:
    """Before the page is drawn again: the spot that was clicked becomes the one in the fields."""
    points: list[dict[str, Any]] = st.session_state[key].selection.points
    if points:
        for field, axis in zip(_spot_keys(name), ("x", "y"), strict=True):
            st.session_state[field] = float(points[0][axis])


def _answers(served: Mapping[str, Served], values: Mapping[str, float]) -> None:
    """What both versions predict, to six decimals, and what an endpoint is to be sent for the same."""
    with st.container(border=True):
        for role, version in served.items():
            if set(version.inputs) <= set(values):
                label = f"{role}, v{version.number}"
                st.metric(
                    f"Predicted probability: {label}",
                    f"{version.probability([values])[0]:.6f}",
                    help=words.HELP["champion"],
                )
            else:
                st.write(f"v{version.number} ({role}) asks for other inputs: {words.plain(', '.join(version.inputs))}")
        if "previous" not in served:
            st.caption("There is no previous version yet.")
    champion = served["champion"]
    with st.expander("What the model is given"):
        sent = {"columns": list(champion.inputs), "data": [[values[column] for column in champion.inputs]]}
        st.caption(
            "As the body of a request to the model endpoint's `/invocations`; the second figure of its answer is shown above."
        )
        st.code(json.dumps({"dataframe_split": sent}), language="json", wrap_lines=True)


def _maps(name: str, roles: Mapping[str, str]) -> None:
    """Predicted beside observed share, by squares of the court, on one scale."""
    st.subheader("Predicted against observed", anchor=False, help=words.HELP["observed"])
    role = st.segmented_control(
        "Version",
        list(roles),
        default="champion",
        required=True,
        format_func=lambda role: f"{role}, v{roles[role]}",
        key=f"{name}/map",
    )
    try:
        found = store.court_map(name, roles[role or "champion"], _SIZE, _MIN_ROWS)
    except StoreError as error:  # nothing scored yet: its own words say what to do
        missing.reason(str(error))
        return
    cells = found["cells"]
    told = f"{found['rows']:,} labelled rows of its newest window that it was not trained on, {found['shown']:,} of them shown"
    st.caption(f"{told}; squares of {_SIZE:g} feet with at least {_MIN_ROWS} rows. Hover for the interval.")
    if not cells:
        st.info("No square holds enough labelled rows yet.", icon=":material/hourglass_empty:")
        return
    both = [share for cell in cells for share in (cell.predicted, cell.observed)]
    for place, what in zip(st.columns(2), ("predicted", "observed"), strict=True):
        with place:
            st.markdown(f"**{what.capitalize()}**")
            figure = court.shares(cells, _SIZE, what, (min(both), max(both)), _ink())
            st.plotly_chart(
                figure, config=charts.CONFIG, key=f"{name}/map/{what}", alt=f"{what} share by squares of the court"
            )
    with st.expander("All squares as a table"):
        st.dataframe([_row(cell) for cell in cells], hide_index=True)


def _row(cell: Cell) -> dict[str, str]:
    return {
        "feet right of the basket": f"{cell.x - _SIZE / 2:g} to {cell.x + _SIZE / 2:g}",
        "feet out": f"{cell.y - _SIZE / 2:g} to {cell.y + _SIZE / 2:g}",
        "predicted": f"{cell.predicted:.4f}",
        "observed": f"{cell.observed:.4f} [{cell.low:.4f}, {cell.high:.4f}]",
        "labelled rows": f"{cell.rows}",
    }


def _ink() -> str:
    """A colour for lines that is seen on the page's background."""
    return "#e8e8ea" if st.context.theme.type == "dark" else "#3a3d44"


show(standing.chosen())
