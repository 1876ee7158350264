"""What the court adds to a project file: a section that is checked as all the others are, and the league's seasons."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.config import load_project
from shotclock.errors import ConfigError
from shotclock.rows.periods import by_month, cut

SHIPPED = Path(__file__).parents[4] / "include" / "projects"
FLATS = """\
name: flats
title: Flats
data: {training: old.parquet, production: new.parquet}
columns:
  id: flat
  time: day
  target: sold
  features:
    rooms: {type: integer, min: 1, max: 9}
    lift: {type: integer}
demonstration:
  court:
    x: {feature: rooms, at_basket: 1, per_foot: 2}
    y: {feature: lift, at_basket: 0, per_foot: -1}
"""
SEASONS = {
    "1996-97": 159,
    "1997-98": 234,
    "1998-99": 124,
    "1999-00": 208,
    "2000-01": 234,
    "2001-02": 190,
    "2002-03": 386,
    "2003-04": 314,
    "2004-05": 387,
    "2005-06": 553,
    "2006-07": 426,
    "2007-08": 521,
    "2008-09": 442,
    "2009-10": 432,
    "2010-11": 397,
    "2011-12": 347,
    "2012-13": 405,
    "2013-14": 16,
    "2014-15": 184,
    "2015-16": 467,
}


@pytest.fixture
def flats(tmp_path):
    """`flats("old", "new")`: the project of a file beside which the extension lies, once `old` in it has become `new`."""
    (tmp_path / "court").symlink_to(SHIPPED / "court")

    def load(old: str = "", new: str = ""):
        assert old in FLATS
        (tmp_path / "flats.yaml").write_text(FLATS.replace(old, new) if old else FLATS, "utf-8")
        return load_project(tmp_path / "flats.yaml")

    return load


def test_a_spot_speaks_of_the_features_of_its_axes_and_of_the_distance(flats, kobe):
    assert flats().demonstration.court.features == ["rooms", "lift"]
    assert kobe.demonstration.court.features == ["lon", "lat", "shot_distance"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "feature: lift",
            "feature: day",
            "found demonstration.court of rooms, day, allowed: each once, of rooms, lift",
        ),
        ("feature: lift", "feature: rooms", "found demonstration.court of rooms, rooms, allowed: each once"),
        ("per_foot: 2", "per_foot: 0", "line 13: field 'demonstration.court.x': found per_foot 0"),
        (
            "per_foot: 2",
            "feet: 0",
            "line 13: field 'demonstration.court.x.feet': unknown key; allowed: feature, at_basket",
        ),
        ("    y: ", "    z: ", "line 12: field 'demonstration.court.y': missing; it is required"),
    ],
)
def test_a_court_that_cannot_be_is_refused_with_its_line(flats, old, new, message):
    with pytest.raises(ConfigError) as refused:
        flats(old, new)
    assert message in str(refused.value)


def test_reading_a_project_of_shots_imports_nothing_heavy():
    code = f"import sys; from shotclock.config import projects; projects(__import__('pathlib').Path({str(SHIPPED)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert any("court" in name for name in loaded)
    assert {"numpy", "pandas", "pyarrow", "streamlit", "plotly", "shotclock_dashboard"}.isdisjoint(loaded)


def test_the_first_way_to_cut_a_history_is_by_season(kobe):
    assert list(kobe.periods) == ["season", "month"]


@pytest.mark.parametrize(
    ("month", "name"), [((2016, 6), "2015-16"), ((2016, 7), "2016-17"), ((1999, 12), "1999-00"), ((2000, 7), "2000-01")]
)
def test_a_season_begins_in_july(kobe, month, name):
    assert kobe.periods["season"](*month) == name


MONTHS = st.tuples(st.integers(1, 9998), st.integers(1, 12))


@given(MONTHS, MONTHS)
def test_the_order_of_the_names_is_the_order_of_time(kobe, one, other):
    season = kobe.periods["season"]
    first, last = sorted((one, other))
    assert season(*first) <= season(*last)


def test_the_production_shots_are_20_seasons_and_each_is_what_the_league_calls_one(kobe, prod_path):
    found = cut(pq.read_table(prod_path), "game_date", by_month(kobe.periods["season"]))
    assert {name: part.num_rows for name, part in found.items()} == SEASONS
    assert sum(SEASONS.values()) == 6_426
    assert all(set(part["season"].to_pylist()) == {name} for name, part in found.items())
