"""Who may look: asked once a session, by the password that the settings name; nobody is asked where they say so."""

import hmac
import time

import streamlit as st

from shotclock.config import settings

_PASSED = "login_passed"
_AFTER_A_WRONG_ONE = 1.0  # seconds that each guess costs


def is_known() -> bool:
    """Whether nobody needs to be asked any more."""
    return settings().dashboard_alone or bool(st.session_state.get(_PASSED))


def passed() -> bool:
    """Whether the pages may be shown. If not, what stands there instead has been drawn."""
    if is_known():
        return True
    told = settings()
    st.header("Shotclock")
    if not told.dashboard_password:
        st.error(
            "No password is set for this dashboard: set SHOTCLOCK_DASHBOARD_PASSWORD, or SHOTCLOCK_DASHBOARD_ALONE=1 where "
            "nobody else can reach it."
        )
        return False
    with st.form("login"):
        given = st.text_input("Password", type="password")
        asked = st.form_submit_button("Log in")
    if asked and hmac.compare_digest(given.encode(), told.dashboard_password.encode()):
        st.session_state[_PASSED] = True
        st.rerun()
    if asked:
        time.sleep(_AFTER_A_WRONG_ONE)
        st.error("That is not the password.")
    return False
