"""A window against its version's reference: features, predictions, labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from shotclock.errors import StoreError
from shotclock.judging.drift.distributions import Distribution
from shotclock.judging.fitness import WindowHealth
from shotclock.reading.health import Details, Summary
from shotclock.words import moments, signs
from shotclock.words.windows import about
from shotclock_dashboard import charts, missing, pick, standing, store, words

_ABREAST = 3


@st.fragment(run_every=store.EVERY)
def show(name: str) -> None:
    details = store.details(name)
    champion = details.summary.champion
    if champion is None:
        missing.champion(name)
        return
    number = _chosen(store.roles(name))
    own = [window for window in details.windows if window.champion == number]
    window = pick.window(own) if own else None
    try:
        compared = store.compared(name, number, window.id if window else "")
    except StoreError as error:  # nothing scored yet, or no reference: its own words say what to do
        missing.reason(str(error))
        return
    shown = replace(details, windows=tuple(own), summary=replace(details.summary, newest=window))
    _features(shown, number, compared.columns)
    _labels(shown, compared.columns)


def _chosen(roles: Mapping[str, str]) -> str:
    """The version whose newest window is shown: the champion, or the one before it."""
    if len(roles) == 1:
        return next(iter(roles.values()))
    chosen: str = st.segmented_control(
        "Version", list(roles), default="champion", required=True, format_func=lambda role: f"{role}, v{roles[role]}"
    )
    return roles[chosen]


def _features(details: Details, number: str, columns: Mapping[str, Distribution]) -> None:
    summary = details.summary
    st.subheader("A window against the reference", anchor=False, help=words.HELP["reference"])
    st.caption(_about(summary, number, columns[summary.rules.columns.probability]))
    shown = [
        *summary.rules.columns.given,
        summary.rules.columns.probability,
    ]  # of parts of the time nobody asks for drift
    for start in range(0, len(shown), _ABREAST):
        for place, column in zip(st.columns(_ABREAST), shown[start : start + _ABREAST], strict=False):
            with place.container(border=True, height="stretch"):
                _column(details, column, columns[column])


def _about(summary: Summary, number: str, shape: Distribution) -> str:
    newest = summary.newest
    window = f"window {newest.name}, checked {moments.when(newest.at)}" if newest else "window not checked yet"
    rows = f"{shape.rows_current:,} rows; reference of v{number}: {shape.rows_reference:,} rows"
    return words.plain(f"Bars: {window}, {rows}. The stepped line is the reference.")


def _column(details: Details, column: str, shape: Distribution) -> None:
    """One column: what was found, both shapes, and its score in the windows so far."""
    title = "predicted probability" if column == details.summary.rules.columns.probability else column
    st.markdown(f"**{words.plain(title)}**", help=words.HELP["drift"])
    threshold = details.summary.thresholds[column]
    st.markdown(_verdict(details.summary.newest, column, threshold))
    st.caption(words.plain(_means(shape)))
    key = f"{details.summary.name}/{column}"
    st.plotly_chart(charts.distribution(shape), config=charts.CONFIG, key=key, alt=f"how {title} spreads on both sides")
    own = [window for window in details.windows if column in window.scores]
    if len(own) > 1:
        st.caption("Drift score of each window, and its threshold (dashed)")
        over_time = charts.scores_over_time(own, column, threshold)
        st.plotly_chart(over_time, config=charts.CONFIG, key=f"{key}/scores", alt=f"drift of {title} by window")


def _verdict(window: WindowHealth | None, column: str, threshold: float) -> str:
    score = window.scores.get(column) if window else None
    if score is None:
        return words.badge("unknown", "not judged")
    state = signs.column(score, threshold)
    return f"{words.badge(state, state)} {words.plain(f'score {score:.3f}, threshold {threshold:g}')}"


def _means(shape: Distribution) -> str:
    now, then = ("–" if value is None else f"{value:.5g}" for value in (shape.mean_current, shape.mean_reference))
    is_text = shape.mean_current is None and shape.mean_reference is None
    told = [] if is_text else [f"mean {now} now, {then} in the reference"]
    if shape.missing_current or shape.missing_reference:
        told.append(f"missing {shape.missing_current:.1%} now, {shape.missing_reference:.1%} in the reference")
    return "; ".join(told)


def _labels(details: Details, columns: Mapping[str, Distribution]) -> None:
    target = details.summary.rules.columns.target
    st.subheader("Label drift", anchor=False, help=words.HELP["label"])
    first, second = st.columns([1, 2])
    with first.container(border=True, height="stretch"):
        _column(details, target, columns[target])
    with second.container(border=True, height="stretch"):
        st.markdown("**How often the target was 1**", help=words.HELP["label"])
        st.caption(_label_rows(details.windows))
        figure = charts.labels_over_time(details.windows)
        st.plotly_chart(
            figure, config=charts.CONFIG, key=f"{details.summary.name}/labels", alt="positive share of each window"
        )


def _label_rows(windows: Sequence[WindowHealth]) -> str:
    if not windows:
        return "Nothing has been checked yet."
    newest = windows[-1]
    if not newest.judged_rows:
        return words.plain(f"{newest.name} holds no label that v{newest.champion} has not learnt from")
    return words.plain(f"With 95 % interval, of the rows that the champion was not trained on; last: {about(newest)}")


show(standing.chosen())
