"""The boundary to PyCaret's process, with programs in PyCaret's place that misbehave."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from shotclock.errors import ConfigError, ContractError, SearchBrokenOffError, SearchError
from shotclock.models.candidates import Entry, Plan, compare, pycaret_backend, rows_of
from shotclock.models.candidates.pycaret_backend import PyCaret, described, installed

ROOT = Path(__file__).parents[4]
PLAN = Plan("logistic_regression", folds=3, iterations=2, seed=1)
FOLD = {"log_loss": 0.6, "roc_auc": 0.7, "accuracy": 0.6, "f1": 0.5}
GOOD = {"log_losses": [[0.6, 0.6, 0.6], [0.5, 0.5, 0.5], [0.7, 0.7, 0.7]], "best": 1, "folds": [FOLD] * 3}


@pytest.fixture
def entry():
    numbers = np.arange(12)
    table = pd.DataFrame({"near": numbers * 0.1, "side": numbers % 3})
    return Entry("logistic", PLAN, rows_of(table, pd.Series(numbers % 2, name="made"), 3))


@pytest.fixture
def python(tmp_path):
    """`python("exit 1")`: a program in place of PyCaret's Python; its third argument is the folder of the request."""

    def write(body):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
        path.chmod(0o755)
        return path

    return write


def asked(python, entry, seconds=30.0):
    return compare([entry], PyCaret(python, timedelta(seconds=seconds)))


def answering(answer):
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return f"cat > \"$3/answer.json\" <<'END'\n{text}\nEND"


def test_what_the_process_answers_is_the_search_of_each_entry(python, entry):
    (found,) = asked(python(answering([GOOD])), entry)
    assert found.backend == "pycaret"
    assert [one.settings for one in found.tried] == PLAN.settings
    assert [one.log_loss for one in found.tried] == pytest.approx([0.6, 0.5, 0.7])
    assert found.settings == PLAN.settings[1]
    assert found.folds == [FOLD] * 3


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{no json",
        {},
        [],
        [GOOD, GOOD],
        [GOOD | {"best": 3}],
        [GOOD | {"best": -1}],
        [GOOD | {"best": "none"}],
        [GOOD | {"folds": [FOLD] * 2}],
        [GOOD | {"log_losses": GOOD["log_losses"][:2]}],
        [GOOD | {"log_losses": [[0.6, 0.6], [0.5, 0.5], [0.7, 0.7]]}],
        [GOOD | {"log_losses": [["low"] * 3] * 3}],
        [GOOD | {"folds": [FOLD | {"f1": None}] * 3}],
        [{"best": 1}],
    ],
)
def test_an_answer_of_another_shape_is_refused_with_what_the_process_wrote(python, entry, answer):
    with pytest.raises(SearchError, match=r"without the answer that was asked for: (.|\n)*wrote last: hello"):
        asked(python(f"echo hello; {answering(answer)}"), entry)


def test_no_answer_at_all_is_told(python, entry):
    with pytest.raises(SearchError, match=r"answer\.json.*It wrote last: nothing"):
        asked(python("exit 0"), entry)


@pytest.mark.parametrize("loss", [0.0, -0.5, float("nan"), float("inf")])
def test_a_log_loss_that_cannot_be_one_is_refused_with_candidate_and_settings(python, entry, loss):
    answer = GOOD | {"log_losses": [[0.6, 0.6, 0.6], [0.5, loss, 0.5], [0.7, 0.7, 0.7]]}
    with pytest.raises(ContractError, match=r"candidate 'logistic', settings \{'C': .*pycaret reports the log losses"):
        asked(python(answering([answer])), entry)


@pytest.mark.parametrize("status", [1, 2, 127])
def test_a_process_that_fails_tells_its_cause_and_is_not_tried_again(python, entry, status):
    with pytest.raises(SearchError, match=r"(?s)failed: Traceback.*MemoryError: no room") as caught:
        asked(python(f"printf 'Traceback\\nMemoryError: no room\\n' >&2; exit {status}"), entry)
    assert not caught.value.may_pass


def test_of_ten_megabytes_of_complaints_the_last_are_told(python, entry):
    noise = "head -c 10000000 /dev/zero | tr '\\0' x >&2; echo; echo the cause >&2; exit 1"
    with pytest.raises(SearchError, match="the cause") as caught:
        asked(python(noise), entry)
    assert len(str(caught.value)) < 3000


def test_complaints_in_no_encoding_are_told_all_the_same(python, entry):
    with pytest.raises(SearchError, match="caus\ufffd"):
        asked(python("printf 'caus\\377' >&2; exit 1"), entry)


def test_a_process_that_was_killed_may_be_tried_again(python, entry):
    with pytest.raises(SearchBrokenOffError, match="killed by SIGKILL") as caught:
        asked(python("kill -9 $$"), entry)
    assert caught.value.may_pass


def test_a_process_beyond_its_limit_is_ended_with_its_children(python, entry, tmp_path):
    children = tmp_path / "children"
    body = f"echo at work; sleep 300 & echo $! > {children}; (sleep 300 & echo $! >> {children}; wait); wait"
    with pytest.raises(SearchError, match=r"longer than 0:00:01\b.*raise training.search_minutes.*last: at work"):
        asked(python(body), entry, seconds=1)
    pids = [int(line) for line in children.read_text().split()]
    assert len(pids) == 2
    for _ in range(100):
        if not any(map(is_there, pids)):
            break
        time.sleep(0.05)
    assert not any(map(is_there, pids))


def is_there(pid):
    with suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()  # a zombie has ended
    return False


def test_an_interruption_ends_the_process_too(python, entry, tmp_path, monkeypatch):
    pid = tmp_path / "pid"

    def interrupted(*_):
        while not (pid.is_file() and pid.read_text().strip()):
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", with_original(subprocess.Popen.wait, interrupted))
    with pytest.raises(KeyboardInterrupt):
        asked(python(f"echo $$ > {pid}; sleep 300"), entry)
    assert not is_there(int(pid.read_text()))


def with_original(original, first):
    """`first` in place of the first call, and the original for those after it."""
    calls = []

    def call(self, timeout=None):
        calls.append(timeout)
        return first(self, timeout) if len(calls) == 1 else original(self, timeout)

    return call


@pytest.mark.parametrize(
    ("kind", "found"), [("missing", "No such file"), ("folder", "Permission denied"), ("text", "Permission denied")]
)
def test_an_interpreter_that_cannot_be_started_is_told_with_the_way_to_make_one(entry, tmp_path, kind, found):
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("hello")
    for ask in (lambda: asked(path, entry), lambda: installed(path)):
        with pytest.raises(ConfigError, match=rf"{kind}: {found}.*make env.*SHOTCLOCK_PYCARET_PYTHON.*scikit-learn"):
            ask()


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The Python of an environment that holds nothing, and its folder of packages."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    return folder / "bin" / "python", packages


@pytest.mark.parametrize(
    ("release", "told"),
    [(None, "No package metadata was found for pycaret"), ("4.0.0", "found PyCaret 4.0.0, expected 3.3.2")],
)
def test_an_environment_without_this_pycaret_says_so_before_anything_is_imported(entry, bare, release, told):
    interpreter, packages = bare
    if release:
        (packages / f"pycaret-{release}.dist-info").mkdir()
        (packages / f"pycaret-{release}.dist-info" / "METADATA").write_text(f"Name: pycaret\nVersion: {release}\n")
    for error, ask in ((SearchError, lambda: asked(interpreter, entry)), (ConfigError, lambda: installed(interpreter))):
        with pytest.raises(error, match=told):
            ask()


def test_the_release_that_is_expected_is_the_one_that_is_locked():
    program = Path(pycaret_backend.__file__).with_name("pycaret_program.py").read_text("utf-8")
    (expected,) = re.findall(r'^VERSION = "(.*)"$', program, re.MULTILINE)
    assert f"\npycaret=={expected} " in (ROOT / "requirements-pycaret.txt").read_text("utf-8")


def test_the_process_gets_no_secret_and_leaves_no_folder(python, entry, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-2")
    with pytest.raises(SearchError) as caught:
        asked(python("env; exit 1"), entry)
    assert "PATH=" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


def test_rows_that_candidates_share_are_handed_over_once_by_place_with_their_types(python, entry, tmp_path):
    odd = pd.DataFrame(
        {
            "a b": np.arange(12) / 3,
            "target": pd.Categorical(["x", "y"] * 6, categories=["y", "x"]),
            "c": pd.array([1, None] * 6, dtype="Int64"),
            "text": ["ü", None] * 6,
            "yes": [True, False] * 6,
        },
        index=[5] * 12,
    )
    other = replace(entry, rows=replace(entry.rows, features=odd))
    entries = [entry, replace(other, name="b"), replace(entry, name="c", plan=Plan("decision_tree", 3, 1, 1))]
    backend = PyCaret(python(f'cp -r "$3" {tmp_path}/kept; exit 1'), timedelta(seconds=30))
    with pytest.raises(SearchError):
        backend.search(entries)
    request = json.loads((tmp_path / "kept" / "request.json").read_text("utf-8"))
    assert [candidate["table"] for candidate in request["candidates"]] == [0, 1, 0]
    assert len(request["tables"]) == 2
    numbered = odd.reset_index(drop=True).set_axis([f"feature_{place}" for place in range(5)], axis=1)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "kept" / request["tables"][1]["rows"]), numbered)
    known = pd.read_parquet(tmp_path / "kept" / request["tables"][0]["labels"])
    assert known["held_out"].tolist() == PLAN.held_out(entry.rows.labels).tolist()


def test_a_pipeline_is_described_by_public_names_and_what_differs_from_the_librarys_defaults():
    encoded = ColumnTransformer([("side", OneHotEncoder(handle_unknown="ignore"), ["a b"])], remainder="passthrough")
    found = described(Pipeline([("encode", encoded), ("model", LogisticRegression(C=3.0))]))
    assert json.loads(json.dumps(found)) == found
    assert found["class"] == "sklearn.pipeline.Pipeline"
    (first, last) = found["settings"]["steps"]
    assert last["tuple"] == ["model", {"class": "sklearn.linear_model.LogisticRegression", "settings": {"C": 3.0}}]
    assert first["tuple"][1]["settings"]["remainder"] == "passthrough"


@pytest.mark.parametrize("odd", [FunctionTransformer(np.log1p), StandardScaler(with_mean=np.bool_(True)), object()])
def test_what_cannot_be_handed_over_as_data_is_refused(odd):
    with pytest.raises(ConfigError, match=r"training\.backend: found a pipeline with \w+ in it"):
        described(Pipeline([("odd", odd)]))
