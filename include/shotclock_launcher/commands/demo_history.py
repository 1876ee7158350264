"""`demo-history`: the years go by. Train once, then hand in the production rows period by period, each to its rest."""

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

from shotclock.config import Settings, load_project, project, settings
from shotclock_launcher.commands.demo import chain, tell
from shotclock_launcher.console import elapsed, say, show
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.follow import Follower, Outcome, follow
from shotclock_launcher.layout import PATIENCE, Layout
from shotclock_launcher.running import lock
from shotclock_launcher.running.stack import Stack, running

_FRESH = ("data", "var/airflow", "var/mlflow", "var/log")  # what an earlier demo left; the lock stays


def demo_history(project: str, batches: int | None = None, patience: float = PATIENCE, by: str | None = None) -> bool:
    """Run a copy of `project` that takes batches in, in a home of its own under `var/`. Returns whether every step succeeded.

    Args:
        batches: how many; all of them if None. Where there are fewer periods, so many parts of equally many rows.
        by: the period, as for `split-history`.

    Raises:
        LaunchError: Airflow did not start, or nothing moved for `patience` seconds.
    """
    name, ours = f"{project}_history", settings()
    home = ours.home / "var" / "demo-history"
    environment = surroundings(home, ours)
    layout = Layout.of(environment)
    lock.check_stopped(layout.lock)
    lay_out(ours.projects / f"{project}.yaml", name, home)
    os.environ.update(environment)  # for what is asked here, in this process
    files = _cut(name, home, by, batches)[:batches]
    with running(layout, only=name) as stack:
        outcome, _ = chain(stack, name, patience)
        good = outcome.good and all(_hand_in(stack, name, file, place, patience) for place, file in enumerate(files))
    _print_end(name, home, len(files), good)
    return good


def surroundings(home: Path, ours: Settings) -> dict[str, str]:
    """The environment of the demo: a home of its own, and the raw files of the user's home as a source."""
    source = ours.data / "raw"
    named = {
        "SHOTCLOCK_HOME": str(home),
        "SHOTCLOCK_DATA": "data",
        "SHOTCLOCK_PROJECTS": "projects",
        "MLFLOW_TRACKING_URI": "",
        "SHOTCLOCK_ARTIFACTS": "",
    }
    given = {"SHOTCLOCK_DATA_DIR": str(source)} if source.is_dir() else {}
    return {**os.environ, **given, **named}


def lay_out(original: Path, name: str, home: Path) -> None:
    """A fresh home: the project's file under another name and with a folder of batches, the recipes, and no past."""
    for left in _FRESH:
        shutil.rmtree(home / left, ignore_errors=True)
    by = next(iter(load_project(original).periods))  # refuses with line and field, before anything is written
    content: dict[str, Any] = yaml.safe_load(original.read_text("utf-8"))
    content |= {"name": name, "title": f"{content['title']}, {by} by {by}"}
    content["data"] = content["data"] | {"batches": name}
    (home / "projects").mkdir(parents=True, exist_ok=True)
    (home / "projects" / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    for extension in content.get("demonstration") or ():
        shutil.copytree(original.parent / extension, home / "projects" / extension, dirs_exist_ok=True)
    recipes = original.parent.parent / "synthetic"
    if recipes.is_dir():
        shutil.copytree(recipes, home / "synthetic", dirs_exist_ok=True)


def _cut(name: str, home: Path, by: str | None, batches: int | None) -> list[Path]:
    from shotclock.projects.split_history import split_history

    by = by or next(iter(project(name).periods))
    done = split_history(name, by, into=str(home / "data" / f"{by}s"))
    if batches and len(done.files) < batches:
        done = split_history(name, into=str(home / "data" / "parts"), size=-(-done.rows // batches))
    say(done.summary)
    return [Path(done.folder) / part.file for part in done.files]


def _hand_in(stack: Stack, name: str, file: Path, place: int, patience: float) -> bool:
    """Put one file into the folder of batches, post its event, follow to the rest, print its line."""
    from shotclock.files import storage
    from shotclock.reading import history
    from shotclock.reading.status import lines

    with storage.replacing(stack.layout.settings.data / "raw" / name / file.name) as partial:
        shutil.copyfile(file, partial)
    outcome = announce(stack, f"{name}/batch", {"file": file.name}, patience)
    say(f"batch {place + 1}\n{lines.batch(history.batches(name)[-1])}\n")
    return outcome.good


def announce(stack: Stack, asset: str, extra: dict[str, str], patience: float = PATIENCE) -> Outcome:
    """Post an event of an asset `<project>/…`, as anyone may who has put a file there, and follow what comes of it."""
    api, project = Api(stack.layout.address, stack.login), asset.partition("/")[0]
    number = _asset(api, asset)
    follower = Follower(api, [f"{project}.{flow}" for flow in ("inference", "monitoring", "retraining", "rollback")])
    api.post("/assets/events", {"asset_id": number, "extra": extra})
    return follow(follower, check=stack.check, tell=lambda task: _tell_trouble(stack, task), patience=patience)


def _tell_trouble(stack: Stack, task: Any) -> None:
    if not task.good:
        tell(stack.layout, task)


def _asset(api: Api, name: str) -> int:
    for asset in api.listed("/assets", "assets", name_pattern=name):
        if asset["name"] == name:
            return int(asset["id"])
    raise LaunchError(f"there is no asset '{name}' in Airflow: no DAG of dags/ is scheduled on it")


def _print_end(name: str, home: Path, batches: int, good: bool) -> None:
    from shotclock.reading.status import status
    from shotclock.reading.status.summary import summarise

    show(f"\n{summarise(status(name, stories=3))}\n")
    say(f"{batches} batches; " + ("at rest" if good else "NOT every step succeeded: see above"))
    show(f"\nto look around: SHOTCLOCK_HOME={home} SHOTCLOCK_PROJECTS=projects make up\n{elapsed():.0f} s in all")
