"""Columns of any name give metrics of different names, and are read back as they were."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from shotclock import spelling

NAMES = [
    "Amount (EUR)",
    "100 %",
    "€",
    "a/b",
    "a//b",
    "../a",
    "a/",
    ".",
    "..",
    "'",
    '"',
    "日本",
    "🏀",
    ":u28:",
    ":u28",
    "a:u3a:",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["drift_score_", ""])
def test_mlflow_takes_the_name(name, prefix):
    metric = spelling.written(prefix + name)
    _validate_metric_name(metric)
    assert spelling.read(metric) == prefix + name


@pytest.mark.parametrize("name", ["shot_distance", "drift_score_lat", "a.b-c d", "rows:all"])
def test_a_plain_name_stays_as_it_is(name):
    assert spelling.written(name) == name


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(":u28a.€/ "), min_size=1, max_size=30))
def test_every_name_is_read_back_from_letters_that_mlflow_allows(name):
    metric = spelling.written(name)
    assert spelling.read(metric) == name
    assert re.fullmatch(r"[\w.:\- ]+", metric, re.ASCII)


def test_what_was_stored_before_names_were_spelt_is_read_as_it_was():
    assert spelling.read("drift_score_a/b") == "drift_score_a/b"
