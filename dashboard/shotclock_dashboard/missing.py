"""What is said where there is nothing to show yet, and what makes it appear."""

import streamlit as st

from shotclock_dashboard import words


def champion(name: str) -> None:
    st.info(
        f"**No model is in service yet.** Trigger the DAG `{name}.training` in Airflow, or call `shotclock train {name}`; "
        "this page then shows it by itself.",
        icon=":material/hourglass_empty:",
    )


def window(name: str, number: str | None) -> None:
    """No window was checked: of any version (`number` is None) or of this one."""
    if number is None:
        champion(name)
        return
    st.info(
        f"**v{number} has not been checked yet.** It is as soon as it has scored a batch: trigger `{name}.inference` in "
        f"Airflow, or call `shotclock score {name}` and `shotclock check {name}`.",
        icon=":material/hourglass_empty:",
    )


def reason(text: str) -> None:
    """The package's own words for what is not there."""
    st.info(words.plain(text), icon=":material/hourglass_empty:")
