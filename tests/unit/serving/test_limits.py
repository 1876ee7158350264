"""What is too large, damaged or no number is refused with a reason, by every content type, and the health check goes on."""

import asyncio
import io
import json
import random
import threading
from decimal import Decimal
from functools import partial

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.tree import DecisionTreeClassifier
from starlette.testclient import TestClient

from shotclock.serving import app as endpoint
from shotclock.serving import service as serving
from shotclock.serving.limits import MOST_BYTES, MOST_CELLS, MOST_COLUMNS, MOST_ROWS
from shotclock.serving.protocol import CSV, JSON, PARQUET, matrix
from shotclock.store.records import Origin
from shotclock.store.versions.registry import Version

FEATURES = ("near", "late", "far")
GOOD = {"near": 1.5, "late": 0, "far": 3.25}
TREE = DecisionTreeClassifier(max_depth=2).fit(np.array([[0, 0, 0], [1, 1, 1], [2, 0, 5]]), [0, 1, 0])
VERSION = Version("shots", "7", "", Origin())


def answering(predict=TREE.predict_proba):
    """The application, with a tree that answers."""
    service = serving.Service("shots")
    place = serving.Served("shots")
    place.current = serving.Loaded(VERSION, FEATURES, partial(matrix, features=FEATURES), predict, (1.5, 0.0, 3.25))
    service._served = {"shots": place}
    return endpoint.make(service)


@pytest.fixture(scope="module")
def client():
    return TestClient(answering(), raise_server_exceptions=False)


def parquet(columns, **options):
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def table(**columns):
    return {**{name: [value] for name, value in GOOD.items()}, **columns}


def rows(number, value=0.0):
    return {name: np.full(number, value) for name in FEATURES}


def json_of(form, **changed):
    return json.dumps({form: [{**GOOD, **changed}]}).encode()


def split(columns, data):
    return json.dumps({"dataframe_split": {"columns": columns, "data": data}}).encode()


LONG = ("1" * 4000,) * 100_000
PARQUETS = {
    "four million rows": (413, "rows: found 4,000,000, allowed are 100,000", lambda: parquet(rows(4_000_000))),
    "a row too many": (413, "rows: found 100,001", lambda: parquet(rows(MOST_ROWS + 1))),
    "many columns": (413, "cells", lambda: parquet({f"c{n}": np.zeros(MOST_ROWS) for n in range(21)})),
    "very many columns": (413, "columns: found 10,001", lambda: parquet({f"c{n}": [0] for n in range(10_001)})),
    "a long text, often": (413, "bytes of text: found", lambda: parquet({**rows(MOST_ROWS), "far": LONG})),
    "large pages": (413, "bytes unfolded", lambda: parquet(table(x=[b"\0" * 70_000_000]), compression="zstd")),
    "no bytes": (400, "the body is not valid", lambda: b""),
    "nonsense": (400, "the body is not valid", lambda: b"PAR1 nonsense PAR1"),
    "only marks": (400, "the body is not valid", lambda: b"PAR1PAR1"),
    "half a file": (400, "the body is not valid", lambda: parquet(table())[:200]),
    "half a file, from its middle": (400, "the body is not valid", lambda: parquet(table())[200:]),
    "damaged pages": (
        400,
        "the body is not valid",
        lambda: parquet(table())[:4] + b"\xff" * 60 + parquet(table())[64:],
    ),
    "a missing column": (400, "missing column 'far'", lambda: parquet({"near": [1], "late": [1]})),
    "a column in other letters": (
        400,
        "missing column 'near'",
        lambda: parquet({"Near": [1], "late": [1], "far": [1]}),
    ),
    "no rows": (400, "no rows", lambda: parquet(rows(0))),
    "no columns": (400, "missing column", lambda: parquet({})),
    "a null": (400, "column 'far': row 0 is null", lambda: parquet(table(far=pa.array([None], pa.float64())))),
    "nothing but null": (400, "column 'far': row 0 is null", lambda: parquet(table(far=pa.nulls(1)))),
    "nan": (400, "column 'far': row 0 is NaN", lambda: parquet(table(far=[np.nan]))),
    "infinity": (400, "column 'far': row 0 is Infinity", lambda: parquet(table(far=[np.inf]))),
    "too large": (
        400,
        "column 'far': row 0 is 1e+39, expected a number up to 3.4e+38",
        lambda: parquet(table(far=[1e39])),
    ),
    "a text": (400, "column 'far': row 0 is \"x\"", lambda: parquet(table(far=["x"]))),
    "nan as text": (400, "column 'far': row 0 is \"nan\"", lambda: parquet(table(far=["nan"]))),
    "a list": (400, "column 'far': found the type list<", lambda: parquet(table(far=[[1]]))),
    "a structure": (400, "column 'far': found the type struct<", lambda: parquet(table(far=[{"a": 1}]))),
    "a time": (400, "column 'far': found the type timestamp", lambda: parquet(table(far=[pd.Timestamp("2026-01-01")]))),
    "bytes of fixed length": (
        400,
        "column 'far': found the type fixed_size_binary",
        lambda: parquet(table(far=pa.array([b"ab"], pa.binary(2)))),
    ),
    "a category that is no number": (
        400,
        "column 'far': row 0 is \"x\"",
        lambda: parquet(table(far=pa.array(["x"]).dictionary_encode())),
    ),
    "CSV": (400, "the body is not valid", lambda: b"near,late,far\n1,2,3\n"),
}
HEAD = b"near,late,far\n"
CSVS = {
    "many rows": (413, "rows: found 100,001", lambda: HEAD + b"1,1,1\n" * (MOST_ROWS + 1)),
    "many rows of the Macintosh": (
        413,
        "rows: found 100,001",
        lambda: HEAD.replace(b"\n", b"\r") + b"1,1,1\r" * 100_001,
    ),
    "many empty rows": (413, "rows: found", lambda: HEAD + b"\n" * 4_000_000),
    "many columns": (413, "columns: found 10,001", lambda: b"a" + b",a" * MOST_COLUMNS + b"\n1\n"),
    "a wide row": (413, "columns: found 4,000,001", lambda: HEAD + b"," * 4_000_000),
    "many cells": (413, "cells (rows x columns)", lambda: b"a" + b",a" * 99 + b"\n" + b"1\n" * 20_001),
    "a body too large": (413, "the body: found", lambda: b"a" * (MOST_BYTES + 1)),
    "no bytes": (400, "the body is not valid text/csv", lambda: b""),
    "an empty line": (400, "the body is not valid text/csv", lambda: b"\n"),
    "other encoding": (400, "the body is not valid text/csv", lambda: HEAD + b"\xff,1,1\n"),
    "a zero byte": (400, "the body is not valid text/csv: found a zero byte", lambda: HEAD + b"1\x00x,1,1\n"),
    "rows of other lengths": (400, "the body is not valid text/csv", lambda: HEAD + b"1,1,1\n1,1,1,1,1\n"),
    "a quote that does not end": (400, "", lambda: HEAD + b'1,1,"1\n'),
    "no rows": (400, "no rows", lambda: HEAD),
    "a missing column": (400, "missing column 'far'", lambda: b"near,late\n1,1\n"),
    "semicolons": (400, "missing column", lambda: b"near;late;far\n1;1;1\n"),
    "a missing value": (400, "column 'far': row 0 is NaN", lambda: HEAD + b"1,1,\n"),
    "nan as text": (400, "column 'far': row 0 is NaN", lambda: HEAD + b"1,1,nan\n"),
    "infinity": (400, "column 'far': row 0 is Infinity", lambda: HEAD + b"1,1,inf\n"),
    "too large": (400, "column 'far': row 0 is 1e+39, expected a number up to", lambda: HEAD + b"1,1,1e39\n"),
    "much too large": (400, "column 'far': row 0 is", lambda: HEAD + b"1,1,1e999\n"),
    "four hundred digits": (400, "column 'far': row 0 is", lambda: HEAD + b"1,1,1" + b"0" * 400 + b"\n"),
    "a text": (400, "column 'far': row 0 is \"x\"", lambda: HEAD + b"1,1,x\n"),
    "a complex number": (400, "column 'far': row 0 is \"1+2j\"", lambda: HEAD + b"1,1,1+2j\n"),
    "JSON": (400, "missing column", lambda: json_of("dataframe_records")),
}
JSONS = {
    "many records": (413, "rows: found 100,001", lambda: b'{"instances": [' + b"1," * MOST_ROWS + b"1]}"),
    "many rows": (413, "rows: found 100,001", lambda: split(FEATURES, [[1, 1, 1]] * (MOST_ROWS + 1))),
    "many columns": (413, "columns: found 10,001", lambda: split(["a"] * (MOST_COLUMNS + 1), [[]])),
    "many cells": (413, "cells (rows x columns)", lambda: split(["a"] * 100, [[]] * (MOST_CELLS // 100 + 1))),
    "long inputs": (413, "rows: found 100,001", lambda: json.dumps({"inputs": {"a": [1] * 100_001}}).encode()),
    "wide inputs": (
        413,
        "columns: found 10,001",
        lambda: json.dumps({"inputs": {str(n): 1 for n in range(10_001)}}).encode(),
    ),
    "a body too large": (413, "the body: found", lambda: b" " * (MOST_BYTES + 1)),
    "no bytes": (400, "the body is not valid JSON", lambda: b""),
    "brackets": (400, "the body is not valid JSON", lambda: b"[" * 1_000_000),
    "half of it": (400, "the body is not valid JSON", lambda: json_of("instances")[:-5]),
    "other encoding": (400, "the body is not valid JSON", lambda: b"\xff\xfe\xfd"),
    "a number of 5,000 digits": (400, "the body is not valid JSON", lambda: b'{"instances": [' + b"1" * 5000 + b"]}"),
    "a number alone": (400, "the body: found", lambda: b"1"),
    "two forms": (400, "the body: found", lambda: b'{"instances": [], "inputs": []}'),
    "a text for rows": (400, "instances: found a text", lambda: b'{"instances": "abc"}'),
    "null for rows": (400, "dataframe_split: found null", lambda: b'{"dataframe_split": null}'),
    "names that are lists": (400, "missing column", lambda: split([[1], [2], [3]], [[1, 1, 1]])),
    "names that are half a character": (400, "missing column", lambda: b'{"instances": [{"\\ud800": 1}]}'),
    "half a character": (400, "column 'far': row 0 is", lambda: json_of("instances", far="\ud800")),
    "a zero character": (400, "column 'far': row 0 is", lambda: json_of("instances", far="1\0")),
    "nan": (400, "column 'far': row 0 is NaN", lambda: json_of("instances", far=float("nan"))),
    "nan as text": (400, "column 'far': row 0 is \"nan\"", lambda: json_of("instances", far="nan")),
    "infinity as text": (400, "column 'far': row 0 is \"-inf\"", lambda: json_of("instances", far="-inf")),
    "too large": (400, "column 'far': row 0 is 1e+39, expected a number up to", lambda: json_of("instances", far=1e39)),
    "too small": (400, "column 'far': row 0 is -1e+39, expected", lambda: json_of("dataframe_records", far=-1e39)),
    "too large as text": (400, "column 'far': row 0 is \"1e39\"", lambda: json_of("inputs", far="1e39")),
    "four hundred digits": (400, "column 'far': row 0 is 1000", lambda: json_of("inputs", far=10**400)),
    "lists in lists": (400, "column 'far': row 0 is [[", lambda: json_of("inputs", far=[[[]]])),
}
BAD = [
    pytest.param(kind, *case, id=f"{kind.rpartition('.')[2].rpartition('/')[2]}: {name}")
    for kind, cases in ((PARQUET, PARQUETS), (CSV, CSVS), (JSON, JSONS))
    for name, case in cases.items()
]


@pytest.mark.parametrize(("kind", "status", "said", "body"), BAD)
def test_a_bad_body_is_refused_with_the_reason(client, kind, status, said, body):
    told = client.post("/invocations", content=body(), headers={"Content-Type": kind})
    assert told.status_code == status, told.text
    assert told.json()["message"].startswith(said)
    assert told.json()["error_code"] == {400: "BAD_REQUEST", 413: "REQUEST_TOO_LARGE"}[status]
    assert len(told.text) < 1000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PARQUET, parquet(rows(MOST_ROWS, 1.0))),
        (CSV, HEAD + b"1,1,1\n" * MOST_ROWS),
        (JSON, split(FEATURES, [[1, 1, 1]] * MOST_ROWS)),
    ],
    ids=["parquet", "csv", "json"],
)
def test_as_many_rows_as_are_allowed_are_answered(client, kind, body):
    told = client.post("/invocations", content=body, headers={"Content-Type": kind})
    assert len(told.json()["predictions"]) == MOST_ROWS


@pytest.mark.parametrize(
    "far",
    [
        ["3.25"],
        pa.array(["3.25"]).dictionary_encode(),
        pa.array([3.25], pa.float16()),
        pa.array([Decimal("3.25")], pa.decimal128(5, 2)),
        pa.array([3.25]).dictionary_encode(),
    ],
    ids=["text", "category", "half precision", "decimal", "numbers as categories"],
)
def test_a_number_in_a_parquet_file_may_be_of_any_type(client, far):
    told = client.post("/invocations", content=parquet(table(far=far)), headers={"Content-Type": PARQUET})
    expected = client.post("/invocations", content=json_of("instances"), headers={"Content-Type": JSON})
    assert told.json() == expected.json()


@pytest.mark.parametrize("numbers", [1e38, -1e38, np.float64(np.finfo(np.float32).max)])
def test_the_largest_numbers_of_a_tree_are_answered(client, numbers):
    assert client.post("/invocations", json={"instances": [{**GOOD, "far": float(numbers)}]}).status_code == 200


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zstd"}, {"use_dictionary": False}, {"data_page_version": "2.0"}]
)
def test_a_parquet_file_with_any_byte_changed_is_answered_or_refused(client, options):
    sound = parquet({"near": [1.5] * 50, "late": [0, 1] * 25, "far": ["1", "2.5"] * 25}, **options)
    chance = random.Random(8)
    found = set()
    for place in chance.sample(range(len(sound)), 60):
        body = bytearray(sound)
        body[place] = chance.randrange(256)
        told = client.post("/invocations", content=bytes(body), headers={"Content-Type": PARQUET})
        found.add(told.status_code)
    assert 400 in found and found <= {200, 400, 413}


def test_the_health_check_answers_while_large_requests_are_worked_on_and_too_many_are_sent_away(monkeypatch):
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.5)
    begun, free = threading.Event(), threading.Event()

    def slow(found):
        begun.set()
        free.wait(30)
        return TREE.predict_proba(found)

    async def scene():
        transport = httpx.ASGITransport(answering(slow))
        async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
            post = {"url": "/invocations", "content": parquet(table()), "headers": {"Content-Type": PARQUET}}
            running = [asyncio.create_task(client.post(**post)) for _ in range(endpoint._THREADS)]
            assert await asyncio.to_thread(begun.wait, 10)
            healthy = await asyncio.wait_for(client.get("/health"), 1)
            refused = await client.post(**post)
            free.set()
            return healthy, refused, [await task for task in running], await client.post(**post)

    healthy, refused, running, later = asyncio.run(scene())
    assert (healthy.status_code, refused.status_code) == (200, 503)
    assert refused.json()["message"] == "other large requests are not done within 0.5 s"
    assert {told.status_code for told in (*running, later)} == {200}


def test_a_body_that_does_not_come_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.2)

    async def drops():
        yield b"{"
        await asyncio.sleep(5)

    async def scene():
        transport = httpx.ASGITransport(answering())
        async with httpx.AsyncClient(transport=transport, base_url="http://endpoint") as client:
            return await client.post("/invocations", content=drops(), headers={"Content-Type": JSON})

    told = asyncio.run(scene())
    assert (told.status_code, told.json()["message"]) == (408, "the body did not come within 0.2 s")
