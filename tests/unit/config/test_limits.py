"""A file that is too large, too deep or that unfolds without end is refused in no time, and takes no other project away."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from shotclock.config import limits, load_project, usable_projects
from shotclock.config.reading import YamlFile
from shotclock.errors import ConfigError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)
MERGED = "a0: &a0 {k: 1}\n" + "".join(
    f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}\n" for level in range(1, 12)
)
DEEP = "allowed are 50"
MANY = "keys and values, aliases followed, allowed are 50,000"
LONG = "characters in one value, allowed are 3,000"
TOO_MUCH = {
    "50,000 brackets": ("[" * 50_000, DEEP),
    "a million brackets": ("[" * 1_000_000, DEEP),
    "closed brackets": ("[" * 51 + "]" * 51, DEEP),
    "braces": ("{a: " * 50_000, DEEP),
    "brackets and braces": ("[{a: " * 20_000, DEEP),
    "lists of lists": ("- " * 50_000, DEEP),
    "complex keys": ("? " * 50_000, DEEP),
    "indented sections": ("".join(f"{' ' * depth}a:\n" for depth in range(1000)), DEEP),
    "brackets in a later line": ("name: flats\ntitle: " + "[" * 50_000, DEEP),
    "a billion laughs": (LAUGHS, MANY),
    "laughs through merged keys": (MERGED, MANY),
    "an alias of the list that it is in": ("a: &a [*a]\n", MANY),
    "an alias of the section that it is in": ("a: &a {b: {c: *a}}\n", MANY),
    "a quarter of a million list items": ("- a\n" * 250_000, MANY),
    "many keys": ("".join(f"k{number}: 1\n" for number in range(60_000)), MANY),
    "many documents": ("--- a\n" * 60_000, MANY),
    "many aliases": ("a: &a [1, 2]\nb: [" + "*a, " * 20_000 + "]", MANY),
    "a long text": (f"name: {'x' * 3001}", LONG),
    "a long quoted text": (f"name: '{'x' * 900_000}'", LONG),
    "a long block of text": ("name: |\n" + "  some words\n" * 1000, LONG),
    "a long number": (f"split: {{seed: 0x{'F' * 5000}}}", LONG),
    "a long number of minutes": (f"split: {{seed: 1{':59' * 100_000}}}", LONG),
    "a long key": (f"? {'k' * 3001}\n: 1", LONG),
    "more than a mebibyte": ("#" * (2**20 + 1), "found more than 1,048,576 bytes, allowed are 1,048,576"),
    "more than a mebibyte of spaces": (" " * (2**20 + 1), "found more than 1,048,576 bytes"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much_of_anything_is_refused_by_file_and_limit(tmp_path: Path, name: str) -> None:
    text, said = TOO_MUCH[name]
    path = tmp_path / "flats.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    assert str(caught.value).startswith(f"{path}") and said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_reader_in_python_alone_keeps_the_same_limits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2: found more than 50 sections in one another"):
        limits.refuse_excess(tmp_path, f"a: 1\nb: {'[' * 50_000}", yaml.SafeLoader)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50 + "]" * 50,
        "- a\n" * 49_000,
        f"- {'x' * 3000}",
        "a: &a [1, 2, 3]\nb: [" + "*a, " * 10_000 + "]",
        "a: &a {b: 1}\nc: {<<: *a}\nd: &d [1]\ne: [*a, *d]\n",
        "#" * 2**20,
    ],
    ids=["deep", "many", "long", "aliases", "two anchors", "large"],
)
def test_what_is_just_within_the_limits_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(text)
    assert YamlFile.read(path).content == yaml.load(text, yaml.CSafeLoader)


def test_aliases_may_be_used_in_a_project_file(sound: str, tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(sound.replace("rooms: {", "rooms: &whole {") + "slices: {}\n")
    path.write_text(path.read_text().replace("    lift:", "    floor: *whole\n    lift:"))
    assert load_project(path).columns.features["floor"] == load_project(path).columns.features["rooms"]


@pytest.mark.parametrize("number", [101, 10_000])
def test_of_very_many_faults_the_first_hundred_are_told(tmp_path: Path, number: int) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text("name: flats\n" + "".join(f"k{key}: 1\n" for key in range(number)))
    with pytest.raises(ConfigError) as caught:
        load_project(path)
    told = str(caught.value).splitlines()
    assert len(told) == 101
    assert told[-1] == f"{path}: and more, {number + 3:,} in all"


def test_a_large_value_is_shown_by_its_beginning(refusal: Callable[..., str]) -> None:
    assert len(refusal("title: Flats", f"title: [{'a, ' * 10_000}]")) < 400


def test_a_bomb_takes_no_other_project_away_and_ends_no_process(sound: str, tmp_path: Path) -> None:
    (tmp_path / "flats.yaml").write_text(sound)
    for number, name in enumerate(TOO_MUCH):
        (tmp_path / f"bomb_{number}.yaml").write_text(TOO_MUCH[name][0])
    usable, faults = usable_projects(folder=tmp_path)
    assert [project.name for project in usable] == ["flats"]
    assert len(faults) == len(TOO_MUCH)
