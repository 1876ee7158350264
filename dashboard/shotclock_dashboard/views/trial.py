"""One prediction at a time, of the version in service and of the one before it."""

import json
from collections.abc import Mapping

import streamlit as st

from shotclock.config import Value, project
from shotclock.errors import ContractError, StoreError
from shotclock.reading.demonstration import Input, Served, strange
from shotclock_dashboard import missing, standing, store, words

_TOLD = (
    "As a file has it: a day, with the time of day where the model asks for the hour, such as 2016-04-13T20:15, or "
    "2016-04-13T20:15+02:00 with a zone. What it tells the model stands beside the answer."
)
_WIDEST_SLIDER = 100  # whole numbers; among more of them nobody finds the one that is meant


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
    st.subheader("Try a prediction", anchor=False)
    try:
        _try(name, roles, served, asked)
    except ContractError as error:  # a time that is none
        st.error(words.capital(words.plain(str(error))), icon=":material/edit:")


def _try(name: str, roles: Mapping[str, str], served: Mapping[str, Served], asked: list[Input]) -> None:
    trial = project(name).trial()
    if trial is None:
        values = _form(name, asked)
        _outside(served["champion"], asked, values)
        _answers(served, values)
        return
    picture, with_form = st.columns([3, 2])
    with with_form:
        answers = st.container()  # above the form that they follow from: on a telephone, right below the picture
        chosen = trial.ask()
        others = _form(name, [one for one in asked if one.name not in trial.features])
    with picture:
        trial.draw(served["champion"], others)
    with answers:
        _outside(served["champion"], asked, others | chosen)
        _answers(served, others | chosen)
    trial.draw_below(roles)


def _form(name: str, asked: list[Input]) -> dict[str, Value]:
    """A widget for each input, made for its type and its range."""
    return {one.name: _asked(f"{name}/{one.name}", one) for one in asked}


def _asked(key: str, one: Input) -> Value:
    label = words.plain(one.name.replace("_", " "))
    if one.may_be_missing and not st.toggle(f"{label}: known", value=one.start is not None, key=f"{key}/known"):
        return None
    return _widget(key, label, one)


def _widget(key: str, label: str, one: Input) -> Value:
    if one.parts:
        return st.text_input(label, str(one.start), key=key, help=_TOLD)
    if one.is_text:  # of another level than those seen, too: the model knows what to make of it
        index = one.choices.index(one.start) if one.start in one.choices else None
        return st.selectbox(label, one.choices, index, accept_new_options=True, key=key) or ""
    if one.start is None:
        return float(st.number_input(label, key=key))
    return _number(key, label, one, float(one.start))


def _number(key: str, label: str, one: Input, start: float) -> float:
    if set(one.choices) == {0.0, 1.0}:
        return float(st.toggle(label, value=bool(start), key=key))
    if one.choices:
        choices = [float(choice) for choice in one.choices if not isinstance(choice, str | None)]
        return float(st.selectbox(label, choices, index=choices.index(start), key=key))
    if one.whole:
        low, high, begin = int(one.low), int(one.high), int(start)
        ask = st.slider if 0 < high - low <= _WIDEST_SLIDER else st.number_input
        return float(ask(label, low, high, begin, key=key))
    return float(st.number_input(label, one.low, one.high, start, format="%.6g", key=key))


def _outside(champion: Served, asked: list[Input], values: Mapping[str, Value]) -> None:
    """Said above the answer: what is unlike everything that the champion was judged on."""
    if unlike := strange(champion, asked, values):
        named = ", ".join(f"{one.name} ({_judged_on(one)})" for one in unlike)
        told = words.plain(f"outside of what v{champion.number} was judged on: {named}")
        st.warning(f"{words.capital(told)}. Nobody knows how good the answer is there.", icon=":material/warning:")


def _judged_on(one: Input) -> str:
    if one.is_text:
        return "another level"
    return " to ".join(f"{end:.6g}" for end in one.seen) if one.seen else "never known"


def _answers(served: Mapping[str, Served], values: Mapping[str, Value]) -> None:
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
        if champion.of_time:
            taken = champion.taken([values]).iloc[0]
            told = ", ".join(f"{part} {float(taken[part]):g}" for part in champion.of_time)
            st.caption(f"The time tells the model: {words.plain(told)}")
    with st.expander("What the model is given"):
        sent = {"columns": list(champion.inputs), "data": [[values[column] for column in champion.inputs]]}
        st.caption(
            "As the body of a request to the model endpoint's `/invocations`; the second figure of its answer is shown above."
        )
        st.code(json.dumps({"dataframe_split": sent}), language="json", wrap_lines=True)


show(standing.chosen())
