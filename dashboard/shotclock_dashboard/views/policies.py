"""Which way to decide when to retrain would have served the model best, and what its age costs."""

import streamlit as st

from shotclock.judging.policies import Comparison, Replayed
from shotclock.words import comparisons
from shotclock.words.moments import when
from shotclock_dashboard import charts, missing, standing, store, words


@st.fragment(run_every=store.EVERY)
def show(name: str) -> None:
    details = store.details(name)
    compared = details.compared
    if not details.decisions:
        missing.champion(name)
        return
    if compared is None:
        missing.reason(comparisons.ask(name))
        return
    if compared.comparison is None:
        st.warning(words.plain(compared.fault), icon=":material/build:")
        return
    found = compared.comparison
    st.markdown(
        words.plain(f"What each way to decide when to retrain would have cost on {comparisons.about(found)}.")
        + f" {words.plain(f'Replayed {when(compared.at)}.')} {words.run_link(name, compared.mlflow_run_id)}"
    )
    _drawn(name, found)
    _figures(found)
    st.subheader("What chooses each, in the project file", anchor=False)
    choices = [one for one in found.replayed if one.can_be_chosen]
    chosen = st.selectbox("Policy", choices, format_func=lambda one: one.name)
    st.code(chosen.yaml, language="yaml")


def _drawn(name: str, found: Comparison) -> None:
    first, second = st.columns([3, 2])
    with first.container(border=True, height="stretch"):
        st.subheader("Regret against trainings", anchor=False)
        st.caption(comparisons.REGRET)
        figure = charts.policies(found)
        st.plotly_chart(figure, config=charts.CONFIG, key=f"{name}/policies", alt="regret of each policy by trainings")
        st.caption(
            "It retrains " + " · ".join(f"{sign.letter} {sign.told}" for sign in comparisons.SIGNS.values()) + "."
        )
    with second.container(border=True, height="stretch"):
        st.subheader("What age costs", anchor=False)
        st.caption(comparisons.AGE)
        st.plotly_chart(charts.ages(found), config=charts.CONFIG, key=f"{name}/ages", alt="loss by age of the model")
        st.caption(words.plain(f"The oldest: {_oldest(found)}."))


def _oldest(found: Comparison) -> str:
    oldest = found.staleness[-1]
    return f"{oldest.blocks} blocks, {oldest.excess:+.4f} on {oldest.rows:,} rows"


def _figures(found: Comparison) -> None:
    priced = any(one.money is not None for one in found.replayed)
    st.dataframe([_row(one, priced) for one in found.replayed], hide_index=True)


def _row(one: Replayed, priced: bool) -> dict[str, object]:
    return {
        "policy": f"{comparisons.SIGNS[one.kind].letter} {one.name}",
        "log loss": f"{one.log_loss:.4f}",
        "regret": f"{one.regret:.4f}",
        "trainings": one.trainings,
        "another recipe took over": one.promotions,
        **({"money": f"{one.money:,.2f}"} if priced else {}),
    }


show(standing.chosen())
