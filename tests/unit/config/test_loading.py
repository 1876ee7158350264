"""A project file by its name; one that is wrong does not stop the others."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shotclock.config import load_project, project, projects, usable_projects
from shotclock.errors import ConfigError


def test_a_sound_file_is_understood_whole(sound: str, tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(sound)

    flats = load_project(path)

    assert flats.name == "flats"
    assert flats.columns.all == ["flat", "day", "rooms", "lift", "sold"]
    assert flats.columns.features["lift"].allowed == (0, 1)
    assert flats.training.candidates == ("decision_tree", "gradient_boosting")
    assert flats.training.folds == 4


def test_what_a_file_leaves_out_has_a_default(sound: str, tmp_path: Path) -> None:
    path = tmp_path / "flats.yaml"
    path.write_text(sound)

    flats = load_project(path)

    assert flats.training.backend == "scikit-learn"
    assert flats.split.test_share == 0.2
    assert flats.columns.features["rooms"].drift == "wasserstein"
    assert flats.data.synthetic is None


def test_a_name_that_is_not_the_file_s_is_refused(refusal: Callable[..., str]) -> None:
    message = refusal("name: flats", "name: houses")

    assert message == "flats.yaml, line 1: field 'name': found 'houses', allowed: 'flats', as the file is called"


def test_a_missing_file_is_refused_with_the_projects_that_exist(sound: str, tmp_path: Path) -> None:
    (tmp_path / "flats.yaml").write_text(sound)

    with pytest.raises(ConfigError, match=r"flat\.yaml: cannot be read \(No such file.*allowed: flats\.yaml"):
        project("flat", tmp_path)


def test_projects_come_in_the_order_of_their_names(sound: str, tmp_path: Path) -> None:
    for name in ("wells", "flats"):
        (tmp_path / f"{name}.yaml").write_text(sound.replace("name: flats", f"name: {name}"))

    assert [found.name for found in projects(tmp_path)] == ["flats", "wells"]


def test_a_project_is_read_once_in_the_life_of_a_process(sound: str, tmp_path: Path) -> None:
    (tmp_path / "flats.yaml").write_text(sound)

    first = project("flats", tmp_path)
    (tmp_path / "flats.yaml").unlink()

    assert project("flats", tmp_path) is first


def test_reading_projects_imports_nothing_heavy() -> None:
    code = "import sys, shotclock.config; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert {"numpy", "pandas", "pyarrow", "sklearn", "mlflow", "airflow"}.isdisjoint(loaded)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a list\n",
        b"\xff\xfe\x00",
        b"name: \x07\n",
        b"title: 2026-13-45\n",  # looks like a date
        b"title: " + b"9" * 5000 + b"\n",
        b"a: &a [*a]\n",
        b"name: [" * 3000,
        b"!!python/object:os.system x\n",
        None,
    ],
)
def test_whatever_a_file_holds_the_other_projects_can_be_used(sound: str, tmp_path, content):
    (tmp_path / "flats.yaml").write_text(sound, "utf-8")
    broken = tmp_path / "broken.yaml"
    broken.mkdir() if content is None else broken.write_bytes(content)
    usable, faults = usable_projects(folder=tmp_path)
    assert [found.name for found in usable] == ["flats"]
    assert len(faults) == 1
    assert "broken.yaml" in str(faults[0])
