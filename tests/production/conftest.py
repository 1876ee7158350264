"""One stack of all services for the whole folder, with the project as it ships and copies of it to be shaken."""

import os
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deployment.keys import complete

sys.path.append(str(Path(__file__).parent))  # for compose, engine and loop beside this file

import compose
import engine
from loop import Loop

ROOT = compose.ROOT
COMPOSE = (ROOT / "docker-compose.yaml").read_text("utf-8")
COPIES = ("shaken", "raced")


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> dict[str, str]:
    """An .env as `make secrets` writes it, and what a test machine adds."""
    folder = tmp_path_factory.mktemp("settings")
    complete(folder / ".env")
    return dotenv_values(folder / ".env", interpolate=False) | {"WORKER_SLOTS": "2"}


@pytest.fixture(scope="session")
def stack(settings, tmp_path_factory, dev_path, prod_path):
    """Every service of docker-compose.yaml, with two workers, healthy."""
    folder = tmp_path_factory.mktemp("stack")
    projects = copies(folder, COPIES)
    raw = folder / "raw"
    raw.mkdir()
    for path in (dev_path, prod_path):
        os.link(path, raw / path.name) if path.stat().st_dev == raw.stat().st_dev else (
            raw / path.name
        ).write_bytes(path.read_bytes())
    services = compose.load(COMPOSE, settings | {"PROJECT_FILES": str(projects), "RAW_FILES": str(raw)})
    with engine.running(folder, services, {"worker": 2}) as running, pytest.MonkeyPatch.context() as patch:
        running.start()
        yield Loop(running, settings, patch)


def copies(folder: Path, names: tuple[str, ...]) -> Path:
    """A folder of project files: the one that ships, and the same under other names."""
    projects = folder / "projects"
    projects.mkdir()
    text = (ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8")
    for name in ("kobe_shots", *names):
        (projects / f"{name}.yaml").write_text(text.replace("name: kobe_shots\n", f"name: {name}\n"), "utf-8")
    return projects
