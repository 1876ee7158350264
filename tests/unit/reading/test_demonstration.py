"""One prediction: the inputs that a version asks for, its answer, and where on the court it holds."""

from pathlib import Path

import mlflow
import pytest
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.errors import ConfigError, StoreError
from shotclock.judging.court import features_at
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
def test_a_spot_gets_the_very_probability_that_mlflows_scoring_server_gives(at, kobe, number):
    at("rested")
    served = demonstration.load("shots", number)
    spots = features_at(kobe.demonstration.court, [0, -22, 7, 24], [0, 3, 26, 40])
    rows = [
        {"minutes_remaining": 2.0, "period": 4.0, "playoffs": 1.0} | {name: values[i] for name, values in spots.items()}
        for i in range(4)
    ]
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


def test_the_map_leaves_out_rows_that_the_version_was_trained_on(at):
    at("rested")
    champion, previous = (demonstration.court_map("shots", number, size=4, min_rows=20) for number in ("2", "1"))
    assert (champion["rows"], previous["rows"]) == (1624, 5412)
    assert champion["shown"] == sum(cell.rows for cell in champion["cells"]) < 1624
    assert all(cell.rows >= 20 and cell.low <= cell.observed <= cell.high for cell in champion["cells"])


def test_a_map_of_all_squares_has_the_windows_own_means(at):
    at("rested")
    found = demonstration.court_map("shots", "2", size=4, min_rows=1)
    newest = queries.newest("shots", records.Performance)[0].record.figures
    made = sum(cell.observed * cell.rows for cell in found["cells"])
    assert found["shown"] == newest["rows"]
    assert made == pytest.approx(newest["positives"])


def test_before_anything_was_scored_there_is_no_map(at):
    at("trained")
    with pytest.raises(StoreError, match=r"models:/shots/1 has scored nothing yet; trigger shots\.inference first"):
        demonstration.court_map("shots", "1", size=4, min_rows=20)


def test_a_project_without_a_court_has_no_map(at, edit):
    at("rested")
    edit(lambda rules: rules.pop("demonstration"))
    with pytest.raises(ConfigError, match="project 'shots' has no section 'demonstration'"):
        demonstration.court_map("shots", "2", size=4, min_rows=20)


def test_asking_writes_nothing(at, published, files):
    folder = at("rested")
    before = published(), files(folder / "data")
    served = demonstration.load("shots", "2")
    demonstration.inputs("shots", served)
    demonstration.court_map("shots", "2", size=4, min_rows=20)
    assert (published(), files(Path(folder) / "data")) == before
