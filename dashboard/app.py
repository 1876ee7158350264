"""Where the dashboard begins: which project, the three answers about it, and the pages below them."""

from pathlib import Path

import streamlit as st

from shotclock_dashboard import login, standing

_HERE = Path(__file__).parent


def main() -> None:
    st.set_page_config(page_title="Shotclock", page_icon=str(_HERE / "icon.svg"), layout="wide")
    st.html(_HERE / "page.css")
    pages = [
        st.Page("shotclock_dashboard/views/start.py", title="Shotclock", default=True, visibility="hidden"),
        st.Page("shotclock_dashboard/views/quality.py", title="Quality", icon=":material/monitoring:"),
        st.Page("shotclock_dashboard/views/data.py", title="Data", icon=":material/bar_chart:"),
        st.Page("shotclock_dashboard/views/retrainings.py", title="Retrainings", icon=":material/model_training:"),
        st.Page("shotclock_dashboard/views/policies.py", title="When to retrain", icon=":material/event_repeat:"),
        st.Page("shotclock_dashboard/views/trial.py", title="Try it", icon=":material/touch_app:"),
    ]
    # Named before the login, too: an address that leads to one of them would be forgotten for one that is unknown.
    page = st.navigation(pages, position="top" if login.is_known() else "hidden")
    if login.passed() and standing.choose():
        standing.answers(standing.chosen())
        page.run()


main()
