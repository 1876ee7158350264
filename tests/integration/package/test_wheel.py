"""The wheel: all that an installed Shotclock reads lies in it, under names of its own."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder in which a wheel of this checkout is unpacked."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "include", source / "include", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [
        sys.executable,
        "-c",
        "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])",
    ]
    subprocess.run([*build, built], cwd=source, check=True, capture_output=True)
    (file,) = built.glob("*.whl")
    with ZipFile(file) as content:
        content.extractall(built / "unpacked")
    return built / "unpacked"


def test_it_claims_no_name_but_its_own(wheel):
    claimed = {path.name for path in wheel.iterdir() if not path.name.endswith((".dist-info", ".data"))}
    assert claimed == {"shotclock", "shotclock_deployment", "shotclock_launcher"}


def test_whatever_lies_in_the_packages_of_the_checkout_lies_in_it(wheel):
    packages = ("shotclock", "shotclock_deployment", "shotclock_launcher")
    files = [path for name in packages for path in (ROOT / "include" / name).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT / "include") for path in files if "__pycache__" not in path.parts}
    assert {path for path in wanted if not (wheel / path).exists()} == set()


def test_the_examples_come_along_with_their_recipes(wheel):
    (data,) = wheel.glob("*.data/data/share/shotclock")
    for folder in ("projects", "synthetic"):
        files = [path for path in (ROOT / "include" / folder).rglob("*.*") if "__pycache__" not in path.parts]
        wanted = {path.relative_to(ROOT / "include") for path in files if path.suffix in (".yaml", ".py")}
        assert wanted and {path for path in wanted if not (data / path).exists()} == set()


def test_installed_it_works_in_the_folder_that_one_stands_in(wheel, tmp_path):
    (data,) = wheel.glob("*.data/data/share/shotclock")
    code = "from shotclock.cli import app; app()"
    env = {name: value for name, value in os.environ.items() if not name.startswith("SHOTCLOCK_")}
    env |= {"PYTHONPATH": str(wheel), "SHOTCLOCK_PROJECTS": str(data / "projects")}

    def said(*arguments):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout

    assert said("--version") == f"shotclock {version('shotclock')}\n"
    assert "kobe_shots" in said("validate")
    asked = [sys.executable, "-c", "from shotclock.config import settings; print(settings().home)"]
    home = subprocess.run(asked, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert home.strip() == str(tmp_path.resolve())
