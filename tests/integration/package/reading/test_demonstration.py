"""One prediction: the inputs that a version asks for, its answer, and the rows that tell how it does."""

from pathlib import Path

import mlflow
import numpy as np
import pytest
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.reading import demonstration
from shotclock.reading.demonstration import Input
from shotclock.store import queries, records

FEATURES = ("lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance")


@pytest.fixture
def edit():
    """`edit(change)`: rewrite the project's file as `change` leaves its content."""

    def rewrite(change):
        path = settings().projects / "shots.yaml"
        rules = safe_load(path.read_text("utf-8"))
        change(rules)
        path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
        config.project.cache_clear()

    return rewrite


@pytest.mark.parametrize(
    ("stage", "roles"),
    [("empty", {}), ("trained", {"champion": "1"}), ("rested", {"champion": "2", "previous": "1"})],
)
def test_champion_and_previous_are_told_as_far_as_they_are_there(at, stage, roles):
    at(stage)
    assert demonstration.roles("shots") == roles


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_row_gets_the_very_probability_that_mlflows_scoring_server_gives(at, number):
    at("rested")
    served = demonstration.load("shots", number)
    spots = [(34.04, -118.27, 0.0), (34.01, -118.49, 22.0), (33.78, -118.2, 26.0), (33.64, -118.03, 46.0)]
    others = {"minutes_remaining": 2.0, "period": 4.0, "playoffs": 1.0}
    rows = [dict(zip(("lat", "lon", "shot_distance"), spot, strict=True)) | others for spot in spots]
    mlflow.set_tracking_uri(settings().tracking_uri)
    columns = {name: [row[name] for row in rows] for name in FEATURES}
    answered = mlflow.pyfunc.load_model(f"models:/shots/{number}").predict(columns)
    assert served.inputs == FEATURES
    assert served.probability(rows) == pytest.approx(answered[:, 1].tolist(), abs=1e-12)
    assert len(set(served.probability(rows))) > 1


def test_a_form_is_made_of_the_signature_with_types_and_ranges_of_the_project_file(at):
    at("rested")
    found = {one.name: one for one in demonstration.inputs("shots", demonstration.load("shots", "2"))}
    assert tuple(found) == FEATURES
    assert found["period"] == Input("period", True, 1, 12, 3)
    assert found["playoffs"] == Input("playoffs", True, 0, 1, 0, (0, 1))
    assert (found["lat"].whole, found["lat"].low, found["lat"].high) == (False, 32, 36)
    assert all(one.low <= one.start <= one.high for one in found.values())


def test_what_the_project_file_does_not_say_the_reference_does(at, edit, prod):
    at("rested")
    served = demonstration.load("shots", "2")
    edit(lambda rules: rules["columns"]["features"].update(lat={"type": "number"}, shot_distance={"type": "integer"}))
    found = {one.name: one for one in demonstration.inputs("shots", served)}
    labelled = prod[prod.shot_made_flag.notna()]
    assert (found["lat"].low, found["lat"].high) == (labelled.lat.min(), labelled.lat.max())
    assert (found["shot_distance"].low, found["shot_distance"].high) == (0, labelled.shot_distance.max())


def test_an_input_that_the_project_no_longer_knows_is_asked_for_all_the_same(at, edit):
    at("rested")
    served = demonstration.load("shots", "2")

    def forget(rules):
        del rules["columns"]["features"]["period"], rules["slices"]["period"]

    edit(forget)
    found = {one.name: one for one in demonstration.inputs("shots", served)}
    assert found["period"] == Input("period", True, 1, 7, 3)


def test_rows_that_the_version_was_trained_on_are_left_out(at):
    at("rested")
    champion, previous = (demonstration.unseen("shots", number) for number in ("2", "1"))
    assert [int((~np.isnan(seen.label)).sum()) for seen in (champion, previous)] == [0, 5412]
    assert [len(seen.rows) for seen in (champion, previous)] == [len(seen.label) for seen in (champion, previous)]


def test_they_are_the_labelled_rows_that_the_window_was_judged_on(at):
    at("alerted")
    seen = demonstration.unseen("shots", "1")
    newest = queries.newest("shots", records.Performance)[0].record.figures
    assert int((~np.isnan(seen.label)).sum()) == newest["rows"]
    assert np.nansum(seen.label) == pytest.approx(newest["positives"])
    assert ((seen.probability > 0) & (seen.probability < 1)).all()


def test_before_anything_was_scored_there_are_none(at):
    at("trained")
    with pytest.raises(StoreError, match=r"models:/shots/1 has scored nothing yet; trigger shots\.inference first"):
        demonstration.unseen("shots", "1")


def test_asking_writes_nothing(at, published, files):
    folder = at("rested")
    before = published(), files(folder / "data")
    served = demonstration.load("shots", "2")
    demonstration.inputs("shots", served)
    demonstration.unseen("shots", "2")
    assert (published(), files(Path(folder) / "data")) == before
