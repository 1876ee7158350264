"""The shell scripts behind `make env` and `make clean`, in a checkout of their own."""

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from shotclock_launcher.running import lock

ROOT = Path(__file__).parents[5]
PROGRAMS = ("bash", "env", "dirname", "sha256sum", "cut", "cat", "mkdir", "touch", "rm", "grep", "tail", "sed", "sleep")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("include/shotclock_launcher", "include/shotclock"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "requirements-pycaret.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def script(checkout: Path, name: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = checkout / "include" / "shotclock_launcher" / "scripts" / name
    return subprocess.run([path], capture_output=True, text=True, check=False, env=env or None)


def without_python(checkout: Path) -> str:
    folder = checkout / "bin"
    folder.mkdir()
    for program in PROGRAMS:
        found = shutil.which(program)
        assert found
        (folder / program).symlink_to(found)
    return str(folder)


def test_a_machine_without_python_is_told_what_to_install(checkout: Path) -> None:
    done = script(checkout, "bootstrap.sh", PATH=without_python(checkout))
    assert done.returncode == 1
    assert "Python 3.11 to 3.13 is needed" in done.stderr and "Install Python 3.13" in done.stderr


def program(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def stand(checkout: Path) -> None:
    """The main environment, as if it had been made from this very lock."""
    program(checkout / ".venv" / "bin" / "python", "exit 1")
    digest = 'cat "$0/requirements.txt" "$0/pyproject.toml" "$0/include/shotclock_launcher/scripts/bootstrap.sh"'
    key = subprocess.run(
        ["bash", "-c", f"{{ echo $0; {digest}; }} | sha256sum | cut -d' ' -f1", checkout],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (checkout / ".venv" / ".installed").write_text(key)


def test_an_environment_that_stands_costs_nothing_until_the_lock_changes(checkout: Path) -> None:
    stand(checkout)
    path = without_python(checkout)
    assert script(checkout, "bootstrap.sh", PATH=path).returncode == 0
    with (checkout / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    assert script(checkout, "bootstrap.sh", PATH=path).returncode == 1


UV = """
echo "$@" >> calls
sleep ${PAUSE:-0}
[ "$1" = venv ] || exit 0
for made in "$@"; do :; done
mkdir -p "$made/bin"
touch "$made/bin/python"
chmod +x "$made/bin/python"
"""


@pytest.fixture
def pycaret(checkout: Path) -> Callable[..., list[str]]:
    """`pycaret(text)`: what `make env` asks of uv with a project file of that text, where the main environment stands."""
    stand(checkout)
    program(checkout / ".venv" / "bin" / "uv", UV)

    def made(text: str = "training:\n  backend: pycaret\n", **env: str) -> list[str]:
        projects = checkout / env.get("SHOTCLOCK_PROJECTS", "include/projects")
        projects.mkdir(parents=True, exist_ok=True)
        (projects / "mine.yaml").write_text(text)
        (checkout / "calls").unlink(missing_ok=True)
        done = script(checkout, "bootstrap.sh", PATH=os.environ["PATH"], **env)
        assert done.returncode == 0, done.stderr
        return calls(checkout)

    return made


def calls(checkout: Path) -> list[str]:
    """The commands that uv was called with."""
    told = checkout / "calls"
    return [" ".join(line.split()[:2]) for line in told.read_text().splitlines()] if told.exists() else []


MAKE_PYCARET = ["venv --python", "pip sync", "pip sync"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("training:\n  backend: pycaret     # or scikit-learn\n", True),
        ("training: {backend: 'pycaret', folds: 5}\n", True),
        ('training:\n    "backend": "pycaret"\n', True),
        ("training:\n  backend: scikit-learn     # or pycaret\n", False),
        ("training:\n  # backend: pycaret\n  folds: 5\n", False),
        ("title: PyCaret\n", False),
        ("", False),
    ],
)
def test_pycarets_environment_is_made_only_where_a_project_asks_for_it(
    pycaret: Callable[..., list[str]], text: str, wanted: bool
) -> None:
    assert pycaret(text) == (MAKE_PYCARET if wanted else [])


def test_pycarets_environment_is_made_once_until_its_lock_changes(
    pycaret: Callable[..., list[str]], checkout: Path
) -> None:
    assert pycaret() == MAKE_PYCARET
    assert pycaret() == []
    with (checkout / "requirements-pycaret.txt").open("a") as file:
        file.write("# changed\n")
    assert pycaret() == MAKE_PYCARET


def test_one_that_was_cut_off_is_made_anew(pycaret: Callable[..., list[str]], checkout: Path) -> None:
    assert pycaret() == MAKE_PYCARET
    (checkout / ".venv-pycaret" / ".installed").unlink()
    assert pycaret() == MAKE_PYCARET


def test_project_files_elsewhere_and_a_python_of_ones_own_are_heeded(
    pycaret: Callable[..., list[str]], checkout: Path
) -> None:
    assert pycaret(SHOTCLOCK_PYCARET_PYTHON="/opt/pycaret/bin/python") == []
    assert pycaret("", SHOTCLOCK_PROJECTS="elsewhere") == []
    (checkout / ".env").write_text("SHOTCLOCK_PROJECTS=elsewhere\nSHOTCLOCK_PYCARET_PYTHON=\n")
    assert pycaret() == []
    assert pycaret(SHOTCLOCK_PROJECTS="elsewhere") == MAKE_PYCARET


def test_of_two_at_once_one_makes_it_and_the_other_waits(pycaret: Callable[..., list[str]], checkout: Path) -> None:
    pycaret("")
    (checkout / "include" / "projects" / "mine.yaml").write_text("training: {backend: pycaret}\n")
    command = [checkout / "include" / "shotclock_launcher" / "scripts" / "bootstrap.sh"]
    rivals = [
        subprocess.Popen(command, env={"PATH": os.environ["PATH"], "PAUSE": "0.5"}, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [rival.communicate()[1] for rival in rivals]
    assert [rival.returncode for rival in rivals] == [0, 0], said
    assert calls(checkout) == MAKE_PYCARET
    assert sum("another one is making the environment" in one for one in said) == 1


def test_clean_removes_what_running_left_and_keeps_the_raw_data(checkout: Path) -> None:
    for name in ("data/raw/dev.parquet", "data/README.md", "data/kobe_shots/runs/x", "var/log/a.log", ".ruff_cache/x"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    assert script(checkout, "clean.sh").returncode == 0
    left = {path.relative_to(checkout).parts[0] for path in checkout.iterdir()}
    assert left == {"data", "include", "requirements.txt", "requirements-pycaret.txt", "pyproject.toml"}
    assert sorted(path.name for path in (checkout / "data").iterdir()) == ["README.md", "raw"]
    assert (checkout / "data" / "raw" / "dev.parquet").exists()


def test_clean_removes_nothing_while_a_stack_runs(checkout: Path) -> None:
    with lock.only_one(checkout / "var" / "stack.lock", "stack"):
        done = script(checkout, "clean.sh")
    assert done.returncode != 0
    assert "already running in this folder (pid " in done.stderr
    assert (checkout / "var").exists()


def test_the_lock_is_one_for_plain_pip_too():
    """With hashes, pip takes a package with an extra for another one: both must be there, at one version, with hashes."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    locked = re.findall(
        r"^([a-z0-9-]+)(\[[^]]+\])?(==\S+(?: ; [^\\]+)?) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M
    )
    assert len(locked) == len(re.findall(r"^\w.*==", text, re.M)) > 300
    bare = {(name, pinned, hashes) for name, extra, pinned, hashes in locked if not extra}
    with_extra = {(name, pinned, hashes) for name, extra, pinned, hashes in locked if extra}
    assert "celery" in {name for name, *_ in with_extra}
    assert with_extra <= bare
    assert "index-url" not in text and "://" not in text


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_holds_each_package_once_for_each_python(python):
    lines = re.findall(r"^[a-z0-9-]+==[^\\\n]+", (ROOT / "requirements.txt").read_text("utf-8"), re.M)
    for version in (f"{python}.0", f"{python}.15"):
        here = {"python_full_version": version, "python_version": python}
        meant = [line.name for line in map(Requirement, lines) if line.marker is None or line.marker.evaluate(here)]
        assert len(meant) == len(set(meant)) > 300 and {"numpy", "scikit-learn", "apache-airflow"} <= set(meant)


def test_the_scripts_make_an_environment_for_the_pythons_that_the_package_is_for():
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    script = (ROOT / "include/shotclock_launcher/scripts/bootstrap.sh").read_text("utf-8")
    (named,) = re.findall(r"^supported='(.+)'", script, re.M)
    minors = [f"3.{minor}" for minor in range(30) if SpecifierSet(stated).contains(f"3.{minor}.0")]
    assert named.split() == minors[::-1]
