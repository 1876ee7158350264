"""How good the model has been, window by window."""

from collections.abc import Sequence

import streamlit as st

from shotclock.judging.fitness import WindowHealth
from shotclock.words import glossary, moments
from shotclock.words.signs import DRIFT, SIGNS
from shotclock.words.windows import about
from shotclock_dashboard import charts, missing, pick, standing, store, words


@st.fragment(run_every=store.EVERY)
def show(name: str) -> None:
    details = store.details(name)
    if not details.windows:
        missing.window(name, details.summary.champion)
        return
    st.subheader("Quality over time", anchor=False)
    window = pick.window(details.windows)
    drift = f"; its data: {DRIFT[window.drift.status]}" if window.drift else ""
    st.markdown(words.plain(f"{words.capital(about(window))}{drift}"))
    st.caption(_legend(details.summary.rules.degradation.confidence))
    for pair in (("log_loss_skill", "log_loss"), ("accuracy", "f1")):
        for place, metric in zip(st.columns(2), pair, strict=True):
            with place.container(border=True):
                _metric(window, metric)
                figure = charts.over_time(details.windows, details.tenures, metric)
                st.plotly_chart(figure, config=charts.CONFIG, key=f"{name}/{metric}", alt=f"{metric} of each window")
    with st.expander("All windows as a table"):
        st.dataframe(_table(details.windows), hide_index=True)


def _legend(confidence: float) -> str:
    """What the marks mean, each named by its shape."""
    signs = " · ".join(f"{sign.letter} {sign.alone.lower()}" for sign in SIGNS.values())
    return (
        f"Each mark is one window with its {confidence:.0%} interval; its shape is the verdict: {signs}. ━ is what the "
        "window's own positive rate alone would come to. A dotted line is a change of the champion."
    )


def _metric(window: WindowHealth, metric: str) -> None:
    figure = window.figure(metric)
    value = "not measured" if figure is None else f"{figure.value:.4f}"
    interval = None if figure is None else f"interval {figure.interval()}"
    st.metric(words.NAMES[metric], value, interval, "off", help=words.HELP[metric], delta_arrow="off")


def _table(windows: Sequence[WindowHealth]) -> list[dict[str, str]]:
    return [
        {
            "checked": moments.when(window.at),
            "window": window.name,
            "scored by": f"v{window.champion}",
            "quality": f"{SIGNS[window.quality].letter} {SIGNS[window.quality].word}",
            "data": DRIFT[window.drift.status] if window.drift else "–",
            "labelled rows": f"{window.judged_rows:,}",
            **{name: words.figure(window.figure(metric)) for metric, name in glossary.NAMES.items()},
        }
        for window in reversed(windows)
    ]


show(standing.chosen())
