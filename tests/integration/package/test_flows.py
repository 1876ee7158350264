"""Whole flows: bad input is named and changes nothing that was published; the loop comes to rest."""

import pandas as pd
import pytest

from shotclock import flows
from shotclock.config import settings
from shotclock.errors import ContractError, ShotclockError, SourceError
from shotclock.judging import alerts
from shotclock.judging.alerts import KINDS
from shotclock.store import history
from shotclock.store.versions import registry

NAME = "given.parquet"


def truncated(rows):
    """A file that lost its end on the way."""
    path = settings().data / "raw" / NAME
    rows.to_parquet(path)
    path.write_bytes(path.read_bytes()[:5000])


def written(change):
    """A file of rows that were changed first."""

    def write(rows):
        change(rows).to_parquet(settings().data / "raw" / NAME)

    return write


def with_value(column, value, row=3):
    def change(rows):
        rows = rows.astype({column: float})
        rows.loc[row, column] = value
        return rows

    return written(change)


BAD = {
    "no file": (lambda rows: None, SourceError, "no such file; put it there or name another one"),
    "truncated": (truncated, SourceError, "not a readable parquet file .*fetch it again"),
    "no column": (
        written(lambda rows: rows.drop(columns="period")),
        ContractError,
        "column 'period' is missing.*Rename the file's column",
    ),
    "renamed": (
        written(lambda rows: rows.rename(columns={"shot_distance": "shot_dist"})),
        ContractError,
        "column 'shot_distance' is missing; near to it: shot_dist",
    ),
    "wrong type": (
        written(lambda rows: rows.assign(lat=rows["lat"] > 34)),
        ContractError,
        "column 'lat': found type bool, expected a number.*Convert",
    ),
    "words for numbers": (
        written(lambda rows: rows.assign(lat="north")),
        ContractError,
        "column 'lat', row 1: found 'north', expected a number.*reading",
    ),
    "infinite": (
        with_value("lon", float("inf"), slice(0, 999)),
        ContractError,
        "column 'lon': 1,000 infinite, such as lon inf in the row with shot_id [0-9]+. Correct",
    ),
}
BAD_TO_SCORE = {
    "null": (
        written(lambda rows: rows.assign(lat=rows["lat"].where(rows.index % 50 > 0))),
        ContractError,
        "129 of 6,426 rows .*column 'lat': 129 null.*The rows were set aside in .*s2/quarantine.parquet",
    ),
    "all null": (
        written(lambda rows: rows.assign(period=pd.array([None] * len(rows), "Int64"))),
        ContractError,
        "6,426 of 6,426 rows .*column 'period': 6,426 null",
    ),
    "other unit": (
        written(lambda rows: rows.assign(minutes_remaining=rows["minutes_remaining"] * 60)),
        ContractError,
        "column 'minutes_remaining': 5,[0-9]{3} above 12, such as minutes_remaining 60 in the row with .* Correct the file",
    ),
    "constant": (
        written(lambda rows: rows.assign(shot_distance=24)),
        ContractError,
        "column 'shot_distance': all 6,426 rows hold 24, but the champion's reference does not: this is a broken feed",
    ),
}
BAD_TO_LEARN_FROM = {
    "label 2": (
        with_value("shot_made_flag", 2),
        ContractError,
        "column 'shot_made_flag': 1 not 0 or 1, such as shot_made_flag 2.0 in the row with shot_id 4. Correct",
    ),
    "one class": (
        written(lambda rows: rows[rows["shot_made_flag"] != 0]),
        ContractError,
        "column 'shot_made_flag': all 9,683 labelled rows are of one class \\(1\\).*name a file with both outcomes",
    ),
    "no rows left": (
        written(lambda rows: rows.assign(shot_made_flag=float("nan"))),
        ContractError,
        "column 'shot_made_flag': no labelled rows left: all 24,271 are null.*name a file with labels",
    ),
    "infinite once": (
        with_value("lat", float("-inf")),
        ContractError,
        "column 'lat': 1 infinite, such as lat -inf in the row with shot_id 4. Correct",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), (BAD | BAD_TO_LEARN_FROM).values(), ids=BAD | BAD_TO_LEARN_FROM)
def test_a_bad_training_file_is_named_and_nothing_published_changes(at, dev, published, make, error, message):
    at("alerted")
    before = published()
    make(dev)
    with pytest.raises(error, match=rf"data/raw/given\.parquet:(?s:.*){message}") as caught:
        flows.train("shots", "t2", path=NAME)
    assert isinstance(caught.value, ShotclockError)
    assert published() == before
    assert history.decisions("shots")[0].champion == "1"


@pytest.mark.parametrize(("make", "error", "message"), (BAD | BAD_TO_SCORE).values(), ids=BAD | BAD_TO_SCORE)
def test_a_bad_production_file_is_named_and_nothing_published_changes(at, prod, published, make, error, message):
    at("alerted")
    before = published()
    make(prod)
    with pytest.raises(error, match=rf"data/raw/given\.parquet:(?s:.*){message}"):
        flows.score("shots", "s2", path=NAME)
    assert published() == before


def test_a_broken_copy_of_the_projects_own_file_is_refused_by_its_digest(at, published):
    folder = at("alerted")
    before = published()
    path = folder / "data" / "raw" / "dataset_kobe_dev.parquet"
    content = path.read_bytes()[:-1]
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"dataset_kobe_dev\.parquet: found sha256 .*expected 3a177adb"):
        flows.train("shots", "t2")
    assert published() == before


# Coming to rest


def fired(found):
    return [kind for kind in KINDS if found.sensors[kind].fires]


def test_one_trigger_leads_to_alerts_one_promotion_and_rest(at):
    at("rested")
    assert [(done.flow, done.outcome, done.champion) for done in history.decisions("shots")] == [
        ("retraining", "promote", "2"),
        ("training", "promote", "1"),
    ]
    assert sorted(alert.kind for alert in history.alerts("shots")) == sorted({*KINDS} - {"demotion"})
    assert alerts.unanswered(history.alerts("shots"), history.decisions("shots"), "2") == []


def test_at_rest_another_look_at_the_same_rows_raises_nothing(at):
    at("rested")
    flows.score("shots", "s3")
    assert fired(flows.check("shots", "m3")) == []
    assert flows.retrain("shots", "r2", by="alert").skip.startswith("every alert is answered already")
    assert registry.champion("shots").number == "2"


def test_the_same_training_file_again_keeps_the_champion(at, published):
    at("trained")
    before = published()
    found = flows.train("shots", "t2")
    assert found.decision == "keep"
    assert "not above the smallest gain worth a change" in found.reason
    assert published() == before
    assert [(done.outcome, done.champion) for done in history.decisions("shots")] == [("keep", "1"), ("promote", "1")]


def test_a_note_is_taken_after_every_step(at):
    at("trained")
    steps = []
    flows.score("shots", "s1", note=lambda step, result: steps.append(step))
    flows.check("shots", "m1", note=lambda step, result: steps.append(step))
    sensors = [f"{kind}_sensor" for kind in KINDS]
    assert steps == ["validate", "score", "publish", "drift_check", "performance_check", *sensors]
