"""The contract at the endpoint: what a batch sets aside is refused with row, column, found and expected, or flagged."""

import io
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeClassifier
from starlette.testclient import TestClient

from shotclock.config import Columns, Feature
from shotclock.rows import contract
from shotclock.serving import app as endpoint
from shotclock.serving import rules
from shotclock.serving import service as serving
from shotclock.serving.protocol import CSV, JSON, PARQUET, matrix
from shotclock.store.records import Origin
from shotclock.store.versions.registry import Version

FEATURES = {
    "lat": Feature(type="number", min=33.2, max=34.9),
    "period": Feature(type="integer", min=1, max=7),
    "playoffs": Feature(type="integer", allowed=(0, 1)),
}
GOOD = {"lat": 34.0, "period": 2, "playoffs": 0}
TREE = DecisionTreeClassifier(max_depth=1).fit(np.array([[33.5, 1, 0], [34.5, 4, 1]]), [0, 1])
BROKEN = {
    "far above": ("lat", 1e9, "at most 34.9"),
    "just above": ("lat", 34.9001, "at most 34.9"),
    "far below": ("lat", -1e9, "at least 33.2"),
    "the largest that a tree holds": ("lat", 3.4e38, "at most 34.9"),
    "negative": ("period", -7, "at least 1"),
    "zero": ("period", 0, "at least 1"),
    "not whole": ("period", 1.5, "an integer"),
    "a huge integer": ("period", 10**30, "at most 7"),
    "a new category": ("playoffs", 2, "one of 0, 1"),
    "between two": ("playoffs", 0.5, "one of 0, 1"),
    "text of a number": ("period", "99", "at most 7"),
}
NEVER = [
    None,
    float("nan"),
    float("inf"),
    -float("inf"),
    1e39,
    -1e39,
    10**400,
    "x",
    "",
    [1],
    {"a": 1},
    "nan",
    "inf",
    "1e999",
]


def client(*, refuses=True):
    version = Version("shots", "7", "", Origin())
    place, service = serving.Served("shots"), serving.Service("shots")
    read = partial(matrix, features=tuple(FEATURES))
    loaded = serving.Loaded(version, tuple(FEATURES), read, TREE.predict_proba, (34.0, 2.0, 0.0))
    place.current = replace(loaded, rules=rules.Rules(FEATURES, refuses))
    service._served = {"shots": place}
    return TestClient(endpoint.make(service), raise_server_exceptions=False)


def send(to, rows, kind=JSON):
    body = {
        JSON: lambda: json.dumps({"dataframe_records": rows}).encode(),
        CSV: lambda: pd.DataFrame(rows).to_csv(index=False).encode(),
        PARQUET: lambda: parquet(rows),
    }[kind]()
    return to.post("/invocations", content=body, headers={"Content-Type": kind})


def parquet(rows):
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", [JSON, CSV, PARQUET])
@pytest.mark.parametrize(("column", "value", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_row_that_a_batch_sets_aside_is_422_with_row_column_found_and_expected(kind, column, value, expected):
    rows = [GOOD, GOOD, {**GOOD, column: float(value) if kind == PARQUET else value}]
    told = send(client(), rows, kind)
    answer = told.json()
    assert (told.status_code, answer["error_code"], answer["broken_rows"]) == (422, "CONTRACT_BROKEN", 1)
    (flag,) = answer["flags"]
    assert (flag["row"], flag["column"], flag["found"]) == (2, column, pytest.approx(float(value)))
    assert expected in flag["expected"]
    assert f"row 2, column '{column}': found " in answer["message"]
    assert "predictions" not in answer
    assert told.headers["x-model-version"] == answer["model_version"] == "7"


@pytest.mark.parametrize(("column", "value", "expected"), BROKEN.values(), ids=BROKEN)
def test_where_the_project_says_so_such_a_row_is_answered_and_flagged(column, value, expected):
    told = send(client(refuses=False), [{**GOOD, column: value}, GOOD])
    answer = told.json()
    assert told.status_code == 200
    assert len(answer["predictions"]) == 2
    assert [(flag["row"], flag["column"]) for flag in answer["flags"]] == [(0, column)]


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("value", NEVER, ids=repr)
@pytest.mark.parametrize("column", FEATURES)
def test_what_is_no_number_that_a_model_can_take_is_400_either_way(refuses, value, column):
    told = send(client(refuses=refuses), [GOOD, {**GOOD, column: value}])
    assert told.status_code == 400
    assert f"column '{column}': row 1 is " in told.json()["message"]


@pytest.mark.parametrize("refuses", [True, False])
def test_rows_that_keep_the_contract_are_answered_as_before(refuses):
    told = send(client(refuses=refuses), [GOOD] * 3)
    assert told.status_code == 200
    assert told.json().keys() == {"predictions", "model_version"}


def test_every_broken_value_is_listed_by_row_up_to_a_hundred():
    rows = [{**GOOD, "lat": 0, "period": 0}, GOOD, *[{**GOOD, "playoffs": 7}] * 200]
    answer = send(client(), rows).json()
    assert answer["broken_rows"] == 201
    assert [(flag["row"], flag["column"]) for flag in answer["flags"][:3]] == [
        (0, "lat"),
        (0, "period"),
        (2, "playoffs"),
    ]
    assert len(answer["flags"]) == 100
    assert len(answer["message"]) < 2000
    assert len(send(client(refuses=False), rows).json()["flags"]) == 202


def test_endpoint_and_batch_agree_on_each_of_a_thousand_drawn_rows():
    draw = np.random.default_rng(5)
    drawn = pd.DataFrame(
        {
            "lat": draw.choice([33.2, 34.9, 34, 33.1999, 35], 1000),
            "period": draw.choice([0, 1, 1.5, 7, 8], 1000),
            "playoffs": draw.choice([0, 1, 2, -1], 1000),
        }
    )
    whole = drawn.assign(id=range(1000), time="2020-01-01")
    columns = Columns(id="id", time="time", target="y", features=FEATURES)
    by_batch = set(contract.examine(pa.Table.from_pandas(whole), columns).bad["id"].to_pylist())
    by_endpoint = {flag.row for flag in rules.Rules(FEATURES, refuses=False).flags(drawn.to_numpy(), list(FEATURES))}
    assert by_endpoint == by_batch
    assert 100 < len(by_batch) < 1000


@pytest.mark.parametrize("name", ["strange", "lat "])
def test_a_column_that_the_project_does_not_name_has_no_rules(name):
    found = rules.Rules(FEATURES, refuses=True).flags(np.array([[1e9]]), [name])
    assert found == []
