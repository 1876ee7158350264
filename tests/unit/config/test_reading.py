"""A file is either understood whole, or refused with file, line, field, what was found and what is allowed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shotclock.config import load_project
from shotclock.errors import ConfigError


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  folds: 4",
            "  fold: 4",
            "flats.yaml, line 18: field 'training.fold': unknown key; "
            "allowed: backend, candidates, folds, iterations, seed, blend, search_minutes; did you mean 'folds'?",
        ),
        (
            "rooms: {type: integer, min: 1",
            "rooms: {type: integer, minimum: 1",
            "flats.yaml, line 14: field 'columns.features.rooms.minimum': unknown key; "
            "allowed: type, missing, min, max, allowed, drift, drift_threshold, of_time, zone; did you mean 'min'?",
        ),
        (
            "  folds: 4",
            "  folds: 1",
            "flats.yaml, line 18: field 'training.folds': found 1, allowed: greater than or eq",
        ),
        (
            "  folds: 4",
            "  folds: many",
            "flats.yaml, line 18: field 'training.folds': found 'many', allowed: a valid int",
        ),
        (
            "share: 0.5",
            "share: 1.5",
            "flats.yaml, line 20: field 'drift.share': found 1.5, allowed: less than or equal",
        ),
        (
            "[decision_tree, gradient_boosting]",
            "[decision_tree, forest]",
            "flats.yaml, line 17: field 'training.candidates.1': found 'forest', "
            "allowed: 'decision_tree', 'logistic_regression' or 'gradient_boosting'",
        ),
        (
            "rooms: {type: integer",
            "rooms: {type: text",
            "line 14: field 'columns.features.rooms.type': found 'text', all",
        ),
        (
            "rooms: {type: integer, min: 1, max: 9}",
            "rooms: 3",
            "line 14: field 'columns.features.rooms': found 3, allow",
        ),
        ("min: 1, max: 9", "min: 9, max: 1", "line 14: field 'columns.features.rooms': found min 9 and max 1, allowed"),
        (
            "title: Flats",
            "title: [a, b]",
            "flats.yaml, line 2: field 'title': found ['a', 'b'], allowed: a valid string",
        ),
        ("name: flats", "name: Flats!", "flats.yaml, line 1: field 'name': found 'Flats!', allowed: text like"),
        (
            "training: old.parquet",
            "training: ../old.parquet",
            "line 4: field 'data.training': found '../old.parquet', ",
        ),
        (
            "https://example",
            "ftp://example",
            "line 6: field 'data.download_from': found 'ftp://example.org/flats/', all",
        ),
        ("    old.parquet: aaaa", "    old.parquet: zzzz", "line 8: field 'data.sha256.old.parquet': found 'zzzzaaaa"),
        ("  share: 0.5", "  windows: 2", "line 19: field 'drift': found windows 2 and of_windows 1, allowed: windows"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_line_field_found_and_allowed(
    refusal: Callable[..., str], old: str, new: str, message: str
) -> None:
    assert message in refusal(old, new)


def test_a_wrong_item_is_reported_once_and_not_again_for_its_list(refusal: Callable[..., str]) -> None:
    assert len(refusal("[decision_tree, gradient_boosting]", "[forest]").splitlines()) == 1


def test_every_fault_of_a_file_is_reported_at_once(refusal: Callable[..., str]) -> None:
    lines = refusal("  folds: 4\ndrift:\n  share: 0.5", "  folds: 0\ndrift:\n  shares: 0.5").splitlines()

    assert [line.split(":")[0] for line in lines] == ["flats.yaml, line 18", "flats.yaml, line 20"]


def test_a_missing_key_is_refused_with_the_line_of_its_section(refusal: Callable[..., str]) -> None:
    assert "line 9: field 'columns.target': missing" in refusal("  target: sold\n", "")


def test_a_missing_section_is_refused(refusal: Callable[..., str]) -> None:
    assert "field 'columns': missing; it is required" in refusal("columns:", "column:")


def test_a_key_that_stands_twice_is_refused_and_not_silently_overridden(refusal: Callable[..., str]) -> None:
    message = refusal("    lift:  {", "    rooms: {")

    assert "line 15: field 'columns.features.rooms': found a second time (first in line 14), allowed: once" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [flats\ntitle: x\n", "line 2: not valid YAML"),
        (b"name: flats\n---\nname: flats\n", "line 2: not valid YAML"),
        (b"", "line 1: found an empty file, allowed: a mapping with the keys name, title, data, columns"),
        (b"- name\n", "line 1: found a list, allowed: a mapping with the keys name"),
        (b"name: \xff\xfe\n", "not text in UTF-8"),
    ],
)
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "flats.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load_project(path)

    assert str(path) in str(caught.value)
    assert message in str(caught.value)
