"""The shell scripts behind `make env` and `make clean`, in a checkout of their own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shotclock_launcher.running import lock

ROOT = Path(__file__).parents[4]
PROGRAMS = ("bash", "env", "dirname", "sha256sum", "cut", "cat", "mkdir", "touch", "rm", "grep", "tail", "sed", "sleep")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("include/shotclock_launcher", "include/shotclock"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "pyproject.toml"):
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
    assert "Install Python 3.11" in done.stderr


def test_an_environment_that_stands_costs_nothing_until_the_lock_changes(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    path = without_python(checkout)
    digest = 'cat "$0/requirements.txt" "$0/pyproject.toml" "$0/include/shotclock_launcher/scripts/bootstrap.sh"'
    key = subprocess.run(
        ["bash", "-c", f"{{ echo $0; {digest}; }} | sha256sum | cut -d' ' -f1", checkout],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (checkout / ".venv" / ".installed").write_text(key)
    assert script(checkout, "bootstrap.sh", PATH=path).returncode == 0
    with (checkout / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    assert script(checkout, "bootstrap.sh", PATH=path).returncode == 1


def test_clean_removes_what_running_left_and_keeps_the_raw_data(checkout: Path) -> None:
    for name in ("data/raw/dev.parquet", "data/README.md", "data/kobe_shots/runs/x", "var/log/a.log", ".ruff_cache/x"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    assert script(checkout, "clean.sh").returncode == 0
    left = {path.relative_to(checkout).parts[0] for path in checkout.iterdir()}
    assert left == {"data", "include", "requirements.txt", "pyproject.toml"}
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
    locked = re.findall(r"^([a-z0-9-]+)(\[[^]]+\])?==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M)
    assert len(locked) == len(re.findall(r"^\w.*==", text, re.M)) > 300
    bare = {name: (version, hashes) for name, extra, version, hashes in locked if not extra}
    with_extra = [(name, (version, hashes)) for name, extra, version, hashes in locked if extra]
    assert "celery" in dict(with_extra)
    assert all(bare[name] == pinned for name, pinned in with_extra)
    assert "index-url" not in text
