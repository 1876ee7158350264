"""The choice of a window, on every page that shows one."""

from collections.abc import Sequence

import streamlit as st

from shotclock.judging.fitness import WindowHealth


def window(windows: Sequence[WindowHealth]) -> WindowHealth:
    """The window whose figures are shown: the newest, until the reader asks for another. The address keeps the choice."""
    newest_first = {f"{window.id}/v{window.champion}": window for window in reversed(windows)}
    names = list(newest_first)
    asked = st.query_params.get("window")
    chosen = st.selectbox(
        "Window",
        names,
        names.index(asked) if asked in names else 0,
        lambda name: f"{newest_first[name].name}, v{newest_first[name].champion}",
        width=480,
    )
    if chosen != names[0] or asked:
        st.query_params["window"] = chosen
    return newest_first[chosen]
