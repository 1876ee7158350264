"""A stored model read back: the same probabilities, or no promotion."""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import skops.io

from shotclock.errors import StoreError
from shotclock.handoff import StoredModel
from shotclock.store.server.client import connect
from shotclock.store.versions import registry, verify

verify_apart = verify.verify_apart  # the fixture `at` replaces it


@pytest.fixture
def stored(at):
    """The first champion as it was stored, and the file of what its gate measured."""
    folder = at("trained")
    champion = registry.require_champion("shots")
    source = connect().get_model_version("shots", champion.number).source
    model = StoredModel(source, source.removeprefix("models:/"), champion.digest)
    return model, folder / "data" / "shots" / "champion" / "gate_scores.parquet"


def tampered(path, by):
    rows = pd.read_parquet(path)
    rows.loc[17, "probability"] += by
    rows.to_parquet(path)
    return path


def test_the_stored_model_gives_the_very_same_probabilities(stored):
    assert verify.verify(*stored) == 0.0


def test_so_it_does_in_a_fresh_process(stored):
    assert verify_apart(*stored) == 0.0


@pytest.mark.parametrize("by", [1e-6, -1e-6, float("nan")])
def test_a_probability_that_differs_or_is_missing_is_refused_with_the_difference(stored, by):
    model, path = stored
    with pytest.raises(StoreError, match=rf"models:/m-\w+: read back, its probabilities differ by up to {abs(by):.0e}"):
        verify.verify(model, tampered(path, by))


def test_a_fresh_process_says_what_was_wrong(stored):
    model, path = stored
    with pytest.raises(StoreError, match=r"not verified in a fresh process, so not promoted: models:/m-\w+: read back"):
        verify_apart(model, tampered(path, 1e-6))


def test_rounding_in_the_last_digit_is_no_difference(stored):
    model, path = stored
    assert 0 < verify.verify(model, tampered(path, 1e-15)) <= 1e-12


def test_a_model_that_was_changed_since_is_refused_before_anything_is_loaded(stored, monkeypatch):
    model, path = stored
    loaded = []
    monkeypatch.setattr(skops.io, "load", lambda *_, **__: loaded.append(1))
    with pytest.raises(StoreError, match="the stored files have sha256"):
        verify.verify(replace(model, sha256="0" * 64), path)
    assert loaded == []


@pytest.mark.parametrize("name", verify.BARRED)
def test_a_model_that_needs_what_is_barred_is_refused_also_where_that_is_in_memory(stored, monkeypatch, name):
    """Airflow's scheduler has it in memory, of which a task is a fork."""
    model, path = stored
    there = {name: object(), f"{name}.inner": object()}
    for module, value in there.items():
        monkeypatch.setitem(sys.modules, module, value)
    load = skops.io.load

    def needing(*given, **options):
        __import__(f"{name}.inner")
        return load(*given, **options)

    monkeypatch.setattr(skops.io, "load", needing)
    with pytest.raises(StoreError, match=rf"holds no model of ours \(.*{name}"):
        verify.verify(model, path)
    assert {module: sys.modules[module] for module in there} == there


def test_a_model_whose_files_are_gone_is_refused(stored):
    model, path = stored
    folder = Path(connect().get_logged_model(model.id).artifact_location.removeprefix("file://"))
    (folder / "model.skops").unlink()
    with pytest.raises(StoreError, match=rf"{model.uri}: the stored files have sha256"):
        verify.verify(model, path)
