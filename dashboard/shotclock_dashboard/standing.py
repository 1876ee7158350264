"""The head of every page: which project, and the three answers."""

from datetime import UTC, datetime

import streamlit as st

from shotclock.reading.health import Overview, Summary
from shotclock.words.moments import age, when
from shotclock.words.signs import sign
from shotclock.words.windows import about
from shotclock_dashboard import store, words

_CHOSEN = "chosen_project"
_ADDRESS = "project"  # of the query


def choose() -> bool:
    """Let the reader choose the project that the pages are about; False when there is none. Wrong files are named."""
    everything = store.overview()
    for fault in everything.faults:
        st.warning(words.plain(fault), icon=":material/build:")
    if not everything.projects:
        st.info("There is no project yet. Put a project file into the folder of projects, and load this page again.")
        return False
    titles = {summary.name: summary.title for summary in everything.projects}
    st.session_state[_CHOSEN] = next(iter(titles)) if len(titles) == 1 else _select(titles)
    return True


def _select(titles: dict[str, str]) -> str:
    """The address carries the choice, so it can be shared."""
    names, asked = list(titles), st.query_params.get(_ADDRESS)
    index = names.index(asked) if asked in names else 0
    chosen: str = st.selectbox("Project", names, index, titles.__getitem__, key="project", width=480)
    st.query_params[_ADDRESS] = chosen
    return chosen


def chosen() -> str:
    """The name of the project that the pages are about."""
    return str(st.session_state[_CHOSEN])


@st.fragment(run_every=store.EVERY)
def answers(name: str) -> None:
    """Is the model fit for use, since when not, and what is being done about it?"""
    everything = store.overview()
    summary = _of(everything, name)
    if summary is None:
        st.warning("This project's file is gone, or is wrong now.")
        return
    if len(everything.projects) == 1:  # else the choice above says it
        st.title(words.plain(summary.title), anchor=False)
    st.caption(_in_service(summary), help=words.HELP["champion"])
    if summary.newest and summary.newest.synthetic:
        st.warning("**SYNTHETIC SAMPLE**: these rows were made up. No figure here says anything about the world.")
    fitness = summary.fitness
    answer = sign(fitness.level)
    first, second, third = st.columns([4, 3, 4])
    with first.container(border=True, height="stretch"):
        st.markdown("Is the model fit for use?", help=words.HELP["fitness"])
        st.markdown(f"### {words.ICONS[answer.shape]} :{answer.colour}[{answer.word}]")
        st.markdown(words.plain(fitness.verdict))
        if summary.newest:
            st.caption(words.plain(f"Judged on {about(summary.newest)}"))
    with second.container(border=True, height="stretch"):
        st.markdown("Since when not?", help=words.HELP["since"])
        st.markdown(f"### {_since(summary, everything.at)}")
        st.markdown(_since_what(summary))
    with third.container(border=True, height="stretch"):
        st.markdown("What is being done about it?", help=words.HELP["doing"])
        st.markdown(f"**{words.plain(fitness.doing)}**")
        st.caption(_records(summary))


def _of(everything: Overview, name: str) -> Summary | None:
    return next((summary for summary in everything.projects if summary.name == name), None)


def _in_service(summary: Summary) -> str:
    if summary.champion is None:
        return "No version is in service."
    since = summary.champion_since
    served = f" since {when(since)} ({age(since, datetime.now(UTC))})" if since else ""
    return words.plain(f"Version {summary.champion} of {summary.name} is in service{served}.")


def _since(summary: Summary, now: datetime) -> str:
    if summary.fitness.level == "fit":
        return "It is fit"
    if summary.fitness.since is None:
        return "–"
    return age(summary.fitness.since, now) + " ago"


def _since_what(summary: Summary) -> str:
    fitness = summary.fitness
    if fitness.since is None:
        return "Nothing stands against it." if fitness.level == "fit" else "There is nothing to tell yet."
    start = ", since its first window" if fitness.from_start else ""
    return words.plain(f"{when(fitness.since)}{start}.")


def _records(summary: Summary) -> str:
    return f"{summary.new_rows:,} of {summary.every_new_records:,} new labelled rows that ask for a retraining by themselves"
