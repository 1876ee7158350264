"""The scoring protocol: what MLflow's own server takes gives the same here; what is refused is named."""

import json

import numpy as np
import pandas as pd
import pytest

from shotclock.errors import ContractError
from shotclock.serving import protocol

FEATURES = ["near", "late", "far"]
ROWS = pd.DataFrame({"near": [1.5, -2.0, 0.1], "late": [0, 1, 0], "far": [3.25, 1e-7, 12.0]})
LISTS, RECORDS = ROWS.values.tolist(), ROWS.to_dict(orient="records")

TAKEN = {
    "split": {"dataframe_split": ROWS.to_dict(orient="split")},
    "split in another order, with another column": {
        "dataframe_split": {"columns": ["x", *reversed(FEATURES)], "data": [["a", 1, 2, 3], ["b", 4.5, 5, 6]]}
    },
    "records": {"dataframe_records": RECORDS},
    "records with another column": {"dataframe_records": [{**row, "x": None} for row in RECORDS]},
    "instances": {"instances": RECORDS},
    "inputs as columns": {"inputs": ROWS.to_dict(orient="list")},
    "inputs as records": {"inputs": RECORDS},
    "inputs as one record": {"inputs": RECORDS[0]},
    "a bool": {"dataframe_records": [{**RECORDS[0], "late": True}]},
    "a number as text": {"dataframe_records": [{**RECORDS[0], "far": "1.5"}]},
    "parameters": {"dataframe_records": RECORDS, "params": {"a": 1}},
}


class Echo:
    """A model that answers with its features: what MLflow's server hands to a model."""

    metadata = type("Metadata", (), {"get_params_schema": lambda self: None})()

    def predict(self, data, params=None):
        single = isinstance(data, dict) and np.ndim(data["near"]) == 0
        return pd.DataFrame(data, index=[0] if single else None)[FEATURES].to_numpy()


def by_mlflow(body, kind):
    from mlflow.pyfunc import scoring_server  # here, so that only the worker that runs this file imports it
    from mlflow.types import ColSpec, Schema

    told = scoring_server.invocations(body, kind, Echo(), Schema([ColSpec("double", name) for name in FEATURES]))
    return json.loads(told.response)["predictions"]


def refusal(request, kind=protocol.JSON):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    with pytest.raises(ContractError) as error:
        protocol.matrix(body, kind, FEATURES)
    return str(error.value)


@pytest.mark.parametrize("request_", TAKEN.values(), ids=TAKEN)
def test_a_request_becomes_the_rows_that_mlflow_makes_of_it(request_):
    body = json.dumps(request_).encode()
    assert protocol.matrix(body, protocol.JSON, FEATURES).tolist() == by_mlflow(body, protocol.JSON)


@pytest.mark.parametrize("kind", [protocol.CSV, protocol.PARQUET])
def test_a_file_becomes_the_rows_that_mlflow_makes_of_it(kind):
    rows = ROWS.assign(x="a")[["x", "far", "near", "late"]]
    body = rows.to_csv(index=False).encode() if kind == protocol.CSV else rows.to_parquet(index=False)
    found = protocol.matrix(body, kind, FEATURES).tolist()
    assert found == LISTS
    assert found == by_mlflow(body, kind)


@pytest.mark.parametrize("times", [1, 2500, 2501, 6000])
def test_the_answer_is_that_of_mlflow_and_a_second_field_with_the_version(times):
    probabilities = np.array([[0.1 + 0.2, 0.7], [1 / 3, 2 / 3]] * times)
    told = json.loads(protocol.answer(probabilities, "7"))
    assert told == {"predictions": probabilities.tolist(), "model_version": "7"}


@pytest.mark.parametrize("value", ["abc", None, [1], {"a": 1}, float("nan"), float("inf"), 10**400, ""])
@pytest.mark.parametrize("form", ["dataframe_records", "dataframe_split", "inputs", "instances"])
def test_a_value_that_is_no_number_is_named_by_column_and_row(value, form):
    rows = [RECORDS[0], {**RECORDS[1], "late": value}]
    table = {name: [row[name] for row in rows] for name in FEATURES}
    split = {"columns": FEATURES, "data": [list(row.values()) for row in rows]}
    given = {"dataframe_split": split, "inputs": table}.get(form, rows)
    assert refusal({form: given}).startswith("column 'late': row 1 is ")


@pytest.mark.parametrize("text", ["near,late,far\n1,2,3\n1,x,3", "near,late,far\n1,2,3\n1,,3"])
def test_a_cell_of_a_csv_file_that_is_no_number_is_named(text):
    assert refusal(text.encode(), protocol.CSV).startswith("column 'late': row 1 is ")


@pytest.mark.parametrize(
    "request_",
    [
        {"dataframe_records": [RECORDS[0], {"near": 1, "Late": 0, "far": 2}]},
        {"dataframe_split": {"columns": ["near", "Late", "far"], "data": [[1, 2, 3]]}},
        {"inputs": {"near": [1], "Late": [0], "far": [2]}},
    ],
)
def test_a_missing_column_is_named_with_what_stands_there_instead(request_):
    said = refusal(request_)
    assert said.startswith("missing column 'late'") and "found instead 'Late'" in said


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"{", "the body is not valid JSON"),
        (b"\xff\xfe{", "the body is not valid JSON"),
        (b"[" * 100_000, "the body is not valid JSON"),
        ([1], "the body: found a list, expected a JSON object with exactly one of dataframe_split, dataframe_records"),
        ("text", "the body: found a text"),
        ({"rows": 1}, "the body: found the keys 'rows'"),
        ({"inputs": {}, "instances": []}, "the body: found inputs and instances"),
        ({"dataframe_records": {"near": 1}}, "dataframe_records: found an object, expected a list of records"),
        ({"dataframe_records": [LISTS[0]]}, "dataframe_records: row 0 is a list, expected a record with the columns"),
        ({"inputs": LISTS}, "inputs: row 0 is a list"),
        ({"dataframe_records": []}, "no rows"),
        ({"dataframe_split": {"columns": FEATURES, "data": []}}, "no rows"),
        ({"dataframe_split": {"data": LISTS}}, "dataframe_split: columns and data must be lists"),
        ({"dataframe_split": [1]}, "dataframe_split: found a list"),
        ({"dataframe_split": {"columns": FEATURES, "data": [[1, 2]]}}, "dataframe_split: row 0 is 2 values"),
        ({"dataframe_split": {"columns": [*FEATURES, "near"], "data": [[1] * 4]}}, "column 'near' is there twice"),
        ({"inputs": {"near": [1], "late": [1, 2], "far": [1]}}, "the columns have different lengths"),
    ],
)
def test_a_body_that_is_no_table_is_refused_with_what_was_expected(request_, said):
    assert refusal(request_).startswith(said)


def test_a_parquet_file_that_is_none_is_refused():
    assert refusal(b"PAR1 nonsense", protocol.PARQUET).startswith(f"the body is not valid {protocol.PARQUET}")
    assert refusal(b"", protocol.CSV).startswith("the body is not valid text/csv")


@pytest.mark.parametrize("header", ["application/json", "Application/JSON; charset=UTF-8", "application/json;"])
def test_a_content_type_is_known_however_it_is_written(header):
    assert protocol.media_type(header) == protocol.JSON


@pytest.mark.parametrize("header", [None, "", "text/plain", "application/json; charset=latin-1", "text/csv; header=no"])
def test_another_content_type_is_refused(header):
    with pytest.raises(protocol.MediaTypeError, match="content type: found"):
        protocol.media_type(header)
