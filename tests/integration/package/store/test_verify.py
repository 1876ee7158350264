"""A registered model loaded back: the same probabilities, or no promotion."""

import sys

import pandas as pd
import pytest

from shotclock.errors import StoreError
from shotclock.store import registry, verify

Verifier = verify.Verifier  # tests of the steps replace it


def load_back(version, rows):
    with Verifier() as verifier:
        return verifier.verify(version, rows)


@pytest.fixture
def scores(at):
    """What the first gate measured, and the version that it was measured for."""
    folder = at("trained")
    return registry.require_champion("shots"), folder / "data" / "shots" / "champion" / "gate_scores.parquet"


def tampered(path, by):
    rows = pd.read_parquet(path)
    rows.loc[17, "probability"] += by
    rows.to_parquet(path)
    return path


def test_the_registered_model_gives_the_very_same_probabilities(scores, load_back_here):
    assert load_back(*scores) == 0.0


def test_the_check_bars_pycaret(scores, load_back_here):
    load_back(*scores)
    with pytest.raises(ImportError):
        import pycaret  # noqa: F401


def test_a_probability_that_differs_is_refused_with_the_difference(scores, load_back_here):
    version, path = scores
    with pytest.raises(StoreError, match="models:/shots/1: loaded back, its probabilities differ by up to 1e-06"):
        load_back(version, tampered(path, 1e-6))


def test_a_probability_that_is_missing_is_refused(scores, load_back_here):
    version, path = scores
    pd.read_parquet(path).assign(probability=float("nan")).to_parquet(path)
    with pytest.raises(StoreError, match="differ by up to nan"):
        load_back(version, path)


def test_rounding_in_the_last_digit_is_no_difference(scores, load_back_here):
    version, path = scores
    assert 0 < load_back(version, tampered(path, 1e-15)) <= 1e-12


def test_a_model_that_cannot_be_loaded_is_refused_with_what_went_wrong(scores, monkeypatch):
    start = verify.subprocess.Popen
    failing = [sys.executable, "-Sc", "raise SystemExit('no such file: ' + input())"]
    monkeypatch.setattr(verify.subprocess, "Popen", lambda _, **pipes: start(failing, **pipes))
    with pytest.raises(StoreError, match=r"models:/shots/1: cannot be loaded back(?s:.*)no such file.*gate_scores"):
        load_back(*scores)


def test_a_verifier_that_is_not_asked_leaves_no_process_behind():
    with Verifier() as verifier:
        process = verifier._process
    assert process.poll() is not None
