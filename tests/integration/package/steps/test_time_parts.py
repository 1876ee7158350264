"""Month, weekday and hour of a project's time: through the whole loop, from files and requests that write it differently."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from shotclock import config, flows, notebook
from shotclock.errors import ContractError
from shotclock.files import storage
from shotclock.projects.validate import validate
from shotclock.reading import demonstration, distributions, health
from shotclock.reading.model import year
from shotclock.serving import service
from shotclock.serving.rules import rules_of
from shotclock.steps import policies
from shotclock.store import queries
from shotclock.store.records import Application, Candidate, Drift
from shotclock.store.run import Run
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
from shotclock_ui import year_chart

APP = Path(__file__).parents[4] / "dashboard" / "app.py"
PROJECT = """\
name: calls
title: Calls
data: {training: old.parquet, production: new.parquet}
columns:
  id: id
  time: rang at
  target: answered
  features:
    age: {type: number, min: 0, max: 120}
    hour: {of_time: hour}
    day of week: {of_time: weekday, type: integer}
    month: {of_time: month}
reading: {separator: ";"}
training: {backend: scikit-learn, candidates: [logistic_regression, gradient_boosting], folds: 2, iterations: 1}
gate: {min_rows: 200}
drift: {min_rows: 500}
degradation: {min_rows: 500}
retraining: {recent_rows: 2000, min_new_labels: 200}
slices: {by hour: {column: hour}}
"""
MADE = ["hour", "day of week", "month"]
ROW = {"age": 41, "rang at": "2025-01-08T20:30"}  # a Wednesday


def rows(seed, many, first, start):
    """Whether a call is answered depends on the hour, and on no straight line over the hours."""
    random = np.random.default_rng(seed)
    times = pd.Timestamp(start) + pd.to_timedelta(np.sort(random.integers(0, 60 * 24 * 90, many)), unit="min")
    chance = np.where(times.hour % 3 == 0, 0.95, 0.05)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + many),
            "rang at": times,
            "age": random.normal(40, 9, many).clip(0, 99).round(1),
            "answered": (random.random(many) < chance).astype(int),
        }
    )


@pytest.fixture(scope="module")
def calls(tmp_path_factory, settled):
    """The project, trained on a parquet file of moments, and scored on a file of text; what came of each flow."""
    home = tmp_path_factory.mktemp("calls")
    for folder in ("projects", "data/raw"):
        (home / folder).mkdir(parents=True)
    (home / "projects" / "calls.yaml").write_text(PROJECT, "utf-8")
    rows(1, 3000, 0, "2024-01-01").to_parquet(home / "data" / "raw" / "old.parquet")
    new = rows(2, 1500, 9000, "2025-01-01")
    new["rang at"] = new["rang at"].dt.strftime("%Y-%m-%dT%H:%M")
    new.loc[3, "rang at"] = "2025-01-01"
    new.to_csv(home / "data" / "raw" / "new.csv", sep=";", index=False)
    with settled(home):
        yield {
            "home": home,
            "train": flows.train("calls", "t1"),
            "score": flows.score("calls", "s1", path="new.csv"),
            "check": flows.check("calls", "m1"),
            "retrain": flows.retrain("calls", "r1", reason="to see"),
        }


@pytest.fixture(scope="module")
def zoned(tmp_path_factory, settled):
    """The same project, whose times are kept with a zone, after a retraining."""
    home = tmp_path_factory.mktemp("zoned")
    for folder in ("projects", "data/raw"):
        (home / folder).mkdir(parents=True)
    (home / "projects" / "calls.yaml").write_text(PROJECT.replace("of_time: hour", "of_time: hour, zone: Asia/Tokyo"))
    for name, given in (("old", rows(1, 3000, 0, "2024-01-01")), ("new", rows(2, 1500, 9000, "2025-01-01"))):
        kept = given.assign(**{"rang at": given["rang at"].dt.tz_localize("Asia/Tokyo")})
        kept.to_parquet(home / "data" / "raw" / f"{name}.parquet")
    with settled(home):
        flows.train("calls", "t1")
        flows.score("calls", "s1")
        flows.check("calls", "m1")
        flows.retrain("calls", "r1", reason="to see")
        flows.score("calls", "s2")
        flows.check("calls", "m2")
        yield home


def test_pages_show_times_with_a_zone_and_columns_that_no_file_holds(zoned, monkeypatch):
    found = year.year("calls")
    assert found.parts and "<svg" in str(year_chart.year(found))
    monkeypatch.setenv("SHOTCLOCK_DASHBOARD_ALONE", "1")
    st.cache_resource.clear()
    app = AppTest.from_file(APP, default_timeout=60).run()
    for page in ("data", "retrainings", "policies", "trial"):
        app = app.switch_page(f"shotclock_dashboard/views/{page}.py").run()
        assert [error.message for error in app.exception] == []
    told, answer, sent = tried(app, "2025-01-08T18:30Z")  # half past three in Tokyo
    assert "The time tells the model: hour 3, day of week 2, month 1" in told
    assert answer == tried(app, "2025-01-08T03:30")[1]
    assert '"columns": ["age", "rang at"]' in sent and '"2025-01-08T18:30Z"' in sent
    (refused,) = app.text_input[0].set_value("noon").run().error
    assert "row 0 is noon" in refused.value.replace("\\", "")
    st.cache_resource.clear()


def tried(app, time):
    """What *Try it* says of a call at that time: its captions, the probability, and the request."""
    app.text_input[0].set_value(time).run()
    assert [error.message for error in (*app.exception, *app.error)] == []
    return "\n".join(one.value for one in app.caption).replace("\\", ""), app.metric[0].value, app.code[0].value


def test_policies_are_replayed_over_times_with_a_zone(zoned):
    past = policies.cut(Run("calls", "policies", "p1"))
    assert (past.begin.year, past.begin.tzinfo, len(past.ends) > 1) == (
        2024,
        None,
        True,
    )  # it is nine hours later in Tokyo


def predictions():
    (scored,) = queries.newest("calls", Application, most=1)
    return storage.read_table(storage.at(scored.record.predictions)).to_pandas()


def test_both_candidates_learn_what_no_straight_line_over_the_hours_could_tell(calls):
    assert calls["train"].decision == "promote"
    assert calls["retrain"].decision == "promote"
    skills = [(found.record.algorithm, found.record.holdout["log_loss_skill"]) for found in candidates()]
    assert {name for name, skill in skills if skill > 0.4} >= {"logistic_regression", "gradient_boosting"}, skills


def candidates():
    return queries.newest("calls", Candidate, most=20)


def test_rows_of_a_text_file_have_the_parts_that_the_moments_have(calls):
    found = predictions()
    assert len(found) == 1499  # the one that tells no hour was set aside
    at = pd.to_datetime(found["rang at"])
    assert found["hour"].tolist() == at.dt.hour.astype(str).tolist()
    assert found["day of week"].tolist() == at.dt.weekday.tolist()
    assert found["month"].tolist() == at.dt.month.astype(str).tolist()
    assert list(found.columns)[:7] == config.project("calls").columns.all


def test_scoring_gives_the_probabilities_of_the_registered_model(calls):
    found, model = predictions(), registry.version("calls", "1").load()
    expected = model.predict_proba(found[list(model.feature_names_in_)])[:, 1]
    np.testing.assert_allclose(found["probability"], expected, atol=1e-12)


def test_a_notebook_scores_raw_rows_as_the_batch_was(monkeypatch, calls):
    monkeypatch.setattr(registry, "champion", lambda name: registry.version(name, "1"))
    given = notebook.open_project("calls").champion().score(rows(2, 1500, 9000, "2025-01-01").drop(index=3))
    np.testing.assert_array_equal(given, predictions()["probability"])


def test_that_a_window_is_of_other_days_is_no_drift(calls):
    (found,) = queries.newest("calls", Drift, most=1)
    assert calls["check"].drift_check.verdict == "ok", found.record.reason
    assert {name for name in found.record.figures if name.startswith("drift_score_")} == {
        "drift_score_age",
        "drift_score_probability",
        "drift_score_answered",
    }
    assert list(health.thresholds(config.project("calls"))) == ["age", "probability", "answered"]


def test_the_page_of_data_shows_them_all_the_same(calls):
    shapes = distributions.compare("calls", "1").columns
    assert set(MADE) <= set(shapes)


def test_the_card_tells_slices_by_hour_and_no_limits_of_what_may_not_be_otherwise(calls):
    card = storage.read(artifacts.artifact(registry.version("calls", "1").run_id, "model_card.html")).decode()
    assert "by hour" in card
    assert "age ≥ 0 and ≤ 120" in card
    assert "hour in 0, 1" not in card


def test_the_form_asks_for_the_time_and_no_part_of_it(calls):
    served = demonstration.load("calls", "2")
    asked = {one.name: one for one in demonstration.inputs("calls", served)}
    assert list(asked) == list(served.inputs) == ["age", "rang at"]
    assert [part.name for part in asked["rang at"].parts] == MADE
    start = {name: one.start for name, one in asked.items()}
    assert datetime.fromisoformat(start["rang at"]) == predictions()["rang at"].astype("datetime64[us]").max()
    answered, not_answered = served.probability([start | {"rang at": f"2025-01-08T{hour}:30"} for hour in (21, 20)])
    assert answered > not_answered + 0.3
    with pytest.raises(ContractError, match="column 'rang at': row 0 is tomorrow: not an ISO date; expected such as"):
        served.probability([start | {"rang at": "tomorrow"}])


def test_a_part_that_the_version_was_not_judged_on_is_told_though_the_time_was_given(calls):
    served = demonstration.load("calls", "2")
    asked = demonstration.inputs("calls", served)
    row = {"age": 41.0, "rang at": "2025-12-08T20:30"}
    assert [one.name for one in demonstration.strange(served, asked, row)] == ["month"]
    assert demonstration.strange(served, asked, ROW) == []


# The endpoint


@pytest.fixture(scope="module")
def endpoint(calls):
    """The version as the endpoint takes it over."""
    place = service.Served("calls")
    place.look()
    assert place.current, place.refused
    return place.current


def asked(loaded, given, form="dataframe_records"):
    return json.loads(loaded.respond(json.dumps({form: given}).encode(), "application/json"))["predictions"]


def expected(loaded, hour="20", weekday=2.0, month="1"):
    row = pd.DataFrame([{"age": 41.0, "hour": hour, "day of week": weekday, "month": month}])
    return loaded.version.load().predict_proba(row[list(loaded.features)])


@pytest.mark.parametrize(
    "time",
    [
        "2025-01-08T20:30",
        "2025-01-08 20:30:59.5",
        "2025-01-08T20:30Z",
        "2025-01-08T17:30-03:00",
        "2025-01-09T02:00+05:30",
    ],
)
def test_the_endpoint_takes_the_raw_row_with_its_time_and_answers_as_the_model_does(endpoint, time):
    assert asked(endpoint, [ROW | {"rang at": time}]) == pytest.approx(expected(endpoint))


def test_the_endpoint_takes_it_as_csv_and_as_parquet_too(endpoint, tmp_path):
    table = b"rang at,age\n2025-01-08T20:30,41\n"
    assert json.loads(endpoint.respond(table, "text/csv"))["predictions"] == pytest.approx(expected(endpoint))
    for unit in ("s", "us", "ns"):
        frame = pd.DataFrame(
            {"age": [41], "rang at": pd.Series([pd.Timestamp(ROW["rang at"])]).astype(f"datetime64[{unit}]")}
        )
        frame.to_parquet(tmp_path / "row.parquet")
        body = (tmp_path / "row.parquet").read_bytes()
        found = json.loads(endpoint.respond(body, "application/vnd.apache.parquet"))["predictions"]
        assert found == pytest.approx(expected(endpoint))


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (None, "column 'rang at': row 1 is null, expected a time such as 2016-04-13T20:15"),
        (1736368200, "column 'rang at': row 1 is 1736368200, expected a time"),
        (["2025-01-08"], r"column 'rang at': row 1 is \[.*expected a time"),
        ("2025-01-08", "column 'rang at': row 1 is 2025-01-08: no time of day; expected such as"),
        ("tomorrow", "column 'rang at': row 1 is tomorrow: not an ISO date; expected such as"),
        ("", "column 'rang at': row 1 is : not an ISO date"),
    ],
)
def test_the_endpoint_refuses_a_row_whose_time_does_not_tell_its_parts(endpoint, time, said):
    with pytest.raises(ContractError, match=said):
        asked(endpoint, [ROW, ROW | {"rang at": time}])


def test_without_the_time_the_parts_do_not_help(endpoint):
    with pytest.raises(ContractError, match=r"missing column 'rang at'.*the model needs age, rang at"):
        asked(endpoint, [{"age": 41, "hour": "20", "day of week": 2, "month": "1"}])


def test_what_the_endpoint_shows_to_try_is_answered(endpoint):
    assert endpoint.asked == ["age", "rang at"]
    assert 0 < asked(endpoint, [endpoint.row])[0][1] < 1


def test_the_rules_say_which_column_is_the_time(calls):
    rules = rules_of("calls")
    assert rules
    assert (rules.time, list(rules.of_time(["age", *MADE]))) == ("rang at", MADE)


# Before anything is trained


def test_validate_tells_files_whose_times_are_too_coarse(calls, tmp_path, monkeypatch):
    home = tmp_path
    for folder in ("projects", "data/raw"):
        (home / folder).mkdir(parents=True)
    (home / "projects" / "calls.yaml").write_text(PROJECT, "utf-8")
    old, new = rows(1, 3000, 0, "2024-01-01"), rows(2, 600, 9000, "2024-06-01")
    old.assign(**{"rang at": old["rang at"].dt.floor("D")}).to_parquet(home / "data" / "raw" / "old.parquet")
    new.assign(**{"rang at": new["rang at"].dt.date}).to_parquet(home / "data" / "raw" / "new.parquet")
    monkeypatch.setenv("SHOTCLOCK_HOME", str(home))
    config.project.cache_clear()
    training, production = validate("calls").files
    assert (
        "column 'rang at': the hour is 0 in all 3,000 rows, expected several, as feature 'hour' is"
        in training.faults[0]
    )
    assert "column 'rang at': found type date32[day], expected timestamp, or text" in production.faults[0]
    config.project.cache_clear()
