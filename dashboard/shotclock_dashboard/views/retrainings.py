"""What caused each retraining, what came of it, and how its candidates compare."""

import streamlit as st

from shotclock.judging.alerts import Alert, Decision
from shotclock.reading.health import Competition, Details
from shotclock.words.glossary import spoken
from shotclock.words.moments import when
from shotclock_dashboard import charts, missing, standing, store, words

_OUTCOMES = {
    "promote": ":green-badge[:material/upgrade: promoted]",
    "keep": ":gray-badge[:material/do_not_disturb_on: champion kept]",
    "rollback": ":orange-badge[:material/undo: rolled back]",
}


@st.fragment(run_every=store.EVERY)
def show(name: str) -> None:
    details = store.details(name)
    if not details.decisions:
        missing.champion(name)
        return
    _open_alerts(details)
    _comparison(details)
    st.subheader("What caused each retraining", anchor=False)
    for done in details.decisions:
        _decision(details, done)


def _open_alerts(details: Details) -> None:
    for alert in details.summary.open_alerts:
        st.warning(
            f"**Open alert, {words.plain(spoken(alert.kind))}**: {words.plain(alert.reason)}",
            icon=":material/notifications:",
        )


def _comparison(details: Details) -> None:
    """The candidates of one training, by default the newest, and what every gate measured."""
    shown = {one.run_id: one for one in details.competitions if one.candidates}
    first, second = st.columns([3, 2])
    with first.container(border=True, height="stretch"):
        st.subheader("Candidates", anchor=False, help=words.HELP["candidate"])
        if shown:
            chosen = st.selectbox("Training", list(shown), format_func=lambda run: _title(shown[run]))
            _candidates(details.summary.name, shown[chosen])
        else:
            st.write("No training has reached its gate yet.")
    with second.container(border=True, height="stretch"):
        st.subheader("The gate", anchor=False, help=words.HELP["gain"])
        st.caption(
            "Challenger's gain with its interval, newest on top. ★ promoted, ○ champion kept. Right of the line is better."
        )
        figure = charts.gates(details.competitions)
        st.plotly_chart(
            figure, config=charts.CONFIG, key=f"{details.summary.name}/gates", alt="gain of each challenger"
        )


def _title(one: Competition) -> str:
    return f"{one.dag_id.rpartition('.')[2]} of {when(one.at)}: {one.decision.outcome if one.decision else 'undecided'}"


def _candidates(name: str, one: Competition) -> None:
    st.caption(charts.candidate_marks(one.candidates))
    figure = charts.candidates(one.candidates)
    st.plotly_chart(figure, config=charts.CONFIG, key=f"{name}/candidates", alt="log loss of each candidate")
    holdout = f"{one.gate.rows:,} holdout rows" if one.gate else "the holdout"
    st.caption(f"★ met the champion at the gate. The table shows the figures on {holdout}.")
    st.dataframe(
        [
            {
                "candidate": f"{candidate.name} ★" if candidate.won else candidate.name,
                **{title: _rounded(candidate.holdout.get(metric)) for metric, title in words.NAMES.items()},
            }
            for candidate in one.candidates
        ],
        hide_index=True,
    )


def _rounded(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _decision(details: Details, done: Decision) -> None:
    competition = next((one for one in details.competitions if one.decision and one.decision.id == done.id), None)
    with st.container(border=True):
        st.markdown(
            f"**{words.plain(when(done.at))}** · {words.plain(done.flow)} · {_OUTCOMES.get(done.outcome, done.outcome)} "
            f"· {words.plain(f'v{done.champion}')} in service afterwards"
        )
        answered = [alert for alert in details.alerts if alert.id in done.answers]
        st.markdown(f"**Caused by** {words.plain(_cause(done, competition, answered))}")
        for kind, alerts in _by_kind(answered).items():
            earlier = f" (and {len(alerts) - 1} before it)" if len(alerts) > 1 else ""
            st.markdown(f"- answered: **{words.plain(kind)}**{earlier}: {words.plain(alerts[0].reason)}")
        st.markdown(f"**Reason** {words.plain(done.reason)}", help=words.gloss(done.reason))
        st.caption(f"{words.plain(f'Decided by {done.by}.')} {words.run_link(details.summary.name, done.id)}")


def _cause(done: Decision, competition: Competition | None, answered: list[Alert]) -> str:
    """What started the run. Alerts are told one by one below it, so here they are only named."""
    if competition is None or not competition.why:
        if done.flow == "rollback":
            return f"an alert: {', '.join(_by_kind(answered))}" if answered else "a person's order"
        return f"a run of {done.flow}"
    why = competition.why.partition(" (open alerts: ")[0]
    named = tuple(
        f"{kind}: " for alert in answered for kind in (spoken(alert.kind), alert.kind)
    )  # the latter in older stores
    if why.startswith(named):
        return f"{'an alert' if len(answered) == 1 else 'alerts'}: {', '.join(_by_kind(answered))}"
    return why


def _by_kind(alerts: list[Alert]) -> dict[str, list[Alert]]:
    """The alerts of each kind, newest first."""
    kinds: dict[str, list[Alert]] = {}
    for alert in alerts:
        kinds.setdefault(spoken(alert.kind), []).append(alert)
    return kinds


show(standing.chosen())
