"""What the pages ask the package for, kept until something has happened. What is kept is shared by all who look."""

from datetime import timedelta

import streamlit as st

from shotclock.reading import demonstration, distributions, health, history
from shotclock.reading.distributions import Compared

EVERY = timedelta(seconds=10)  # how often a page looks whether something has happened: a few milliseconds each time
_KEPT = 64

_kept = st.cache_resource(max_entries=_KEPT, show_spinner=False)


@st.cache_resource(show_spinner=False)
def _projects() -> health.Projects:
    return health.Projects()


def overview() -> health.Overview:
    """Every project, as it stands at this moment."""
    return _projects().overview()


def details(name: str) -> health.Details:
    """One project's past. Read again when one of its runs has ended since."""
    return _details(name, history.pulse(name))


@_kept
def _details(name: str, pulse: str) -> health.Details:
    return health.details(name)


def compared(name: str, number: str, window: str) -> Compared:
    """A window of a version against its reference; see `distributions.compare`."""
    return _compared(name, number, window, history.pulse(name))


@_kept
def _compared(name: str, number: str, window: str, pulse: str) -> Compared:
    return distributions.compare(name, number, window)


def roles(name: str) -> dict[str, str]:
    """The numbers of `champion` and `previous`, as they are at this moment."""
    return demonstration.roles(name)


@_kept
def served(name: str, number: str) -> demonstration.Served:
    """A version, loaded: versions never change."""
    return demonstration.load(name, number)


def inputs(name: str, number: str) -> list[demonstration.Input]:
    """What a version asks for."""
    return _inputs(name, number, history.pulse(name))


@_kept
def _inputs(name: str, number: str, pulse: str) -> list[demonstration.Input]:
    return demonstration.inputs(name, served(name, number))
