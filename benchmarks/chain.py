"""The same steps called in one plain Python process, and through Airflow, side by side, in one run.

    make bench                          # or: python -m benchmarks.chain --runs 3

Both start from an empty store with the raw files in place, and do the same: training, inference and monitoring. Two times
are taken: of the chain from the trigger to the drift report, and of monitoring alone, from the moment at which its run is
asked for to the end of its last sensor. Airflow's own start is not counted; neither is, on the plain side, the time that
imports take: Airflow pays for them in its start. The ratio that counts them, as for a process that is started for the
purpose, is printed besides. The plain side trains one candidate after the other; Airflow trains them side by side.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", default="kobe_shots")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--part", choices=("plain", "airflow"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        found = {"plain": plain, "airflow": through_airflow}[arguments.part](arguments.project)
        print(json.dumps(found))
        return
    pairs = [(part("plain", arguments.project), part("airflow", arguments.project)) for _ in range(arguments.runs)]
    report(pairs)


def part(name: str, project: str) -> dict[str, Any]:
    """One measurement, in a process and a home of its own; its last line of output is the result."""
    with home() as environment:
        command = [sys.executable, "-m", "benchmarks.chain", "--part", name, "--project", project]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name:<8} chain {found['chain']:6.2f} s, monitoring {found['monitoring']:6.2f} s", flush=True)
    return found


@contextmanager
def home() -> Iterator[dict[str, str]]:
    """An empty home with the raw files in it, and the environment that names it."""
    from shotclock.config import settings

    raw = settings().data / "raw"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        shutil.copytree(raw, data / "raw")
        own = {"SHOTCLOCK_HOME": folder, "SHOTCLOCK_DATA": str(data), "SHOTCLOCK_PROJECTS": str(settings().projects)}
        yield {**os.environ, **own, "SHOTCLOCK_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plain(project: str) -> dict[str, Any]:
    """The chain in this process, step by step."""
    start = time.perf_counter()
    import evidently.presets  # noqa: F401

    from shotclock import flows
    from shotclock.handoff import Result
    from shotclock.store.server import database

    imports = time.perf_counter() - start
    database.prepare_store()
    steps: dict[str, float] = {}
    ends: dict[str, float] = {}
    start = last = time.perf_counter()

    def note(step: str, _: Result) -> None:
        nonlocal last
        ends[step] = time.perf_counter()
        steps[step] = steps.get(step, 0.0) + ends[step] - last
        last = ends[step]

    flows.train(project, "bench", note=note)
    flows.score(project, "bench", note=note)
    scored = last
    flows.check(project, "bench", note=note)
    return {"chain": ends["drift_check"] - start, "monitoring": last - scored, "imports": imports, "steps": steps}


def through_airflow(project: str) -> dict[str, Any]:
    """The same through a real Airflow, by its own records of when runs were asked for and tasks ended."""
    from shotclock_launcher.following.api import Api
    from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
    from shotclock_launcher.layout import Layout
    from shotclock_launcher.running.stack import running

    with running(Layout.of()) as stack:
        api = Api(stack.layout.address, stack.login)
        wait_for_airflow(stack, api)
        wait_for_dags(stack, api, project)
        api.trigger(f"{project}.training")
        tasks = wait_for_last(stack, api, project)
    begun = min(moment(task["run_start"]) for task in tasks)
    looked = [task for task in tasks if task["dag_id"].endswith(".monitoring")]
    drift = next(task for task in looked if task["task_id"] == "drift_check")
    asked, ended = moment(looked[0]["run_start"]), max(moment(task["end_date"]) for task in looked)
    steps = {task["task_id"]: task["duration"] for task in tasks}
    return {"chain": moment(drift["end_date"]) - begun, "monitoring": ended - asked, "steps": steps}


def wait_for_last(stack: Any, api: Any, project: str) -> list[dict[str, Any]]:
    """Wait until the sensors have looked; gives every task instance of the three flows."""
    while True:  # one small question a second: who asks more slows down what is measured
        stack.check()
        for name in ("training", "inference"):
            failed = [
                run for run in api.listed(f"/dags/{project}.{name}/dagRuns", "dag_runs") if run["state"] == "failed"
            ]
            if failed:
                raise SystemExit(f"{project}.{name} failed")
        tasks = list(instances(api, f"{project}.monitoring"))
        if tasks and all(task["state"] in ("success", "skipped") for task in tasks):
            break
        time.sleep(1)
    tasks += [task for name in ("training", "inference") for task in instances(api, f"{project}.{name}")]
    return [task for task in tasks if task["end_date"]]


def instances(api: Any, dag: str) -> Iterator[dict[str, Any]]:
    from urllib.parse import quote

    for run in api.listed(f"/dags/{dag}/dagRuns", "dag_runs"):
        path = f"/dags/{dag}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances"
        for task in api.listed(path, "task_instances"):
            yield {**task, "run_start": run["queued_at"] or run["start_date"]}


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def report(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    print(f"\n{'step':<28} {'plain':>8} {'Airflow':>8}")
    first_plain, first_airflow = pairs[0]
    for step, seconds in first_plain["steps"].items():
        through = first_airflow["steps"].get(step.split(" ")[0])
        print(f"{step:<28} {seconds:8.2f} " + ("" if through is None else f"{through:8.2f}"))
    imports = statistics.median([plain["imports"] for plain, _ in pairs])
    print(f"{'imports':<28} {imports:8.2f}          not counted")
    for what in ("chain", "monitoring"):
        sides = [[pair[index][what] for pair in pairs] for index in (0, 1)]
        ratios = [airflow / plain for plain, airflow in zip(*sides, strict=True)]
        fresh = [airflow[what] / (plain[what] + plain["imports"]) for plain, airflow in pairs]
        print(f"\n{what}, {len(pairs)} pairs: median, least and most")
        figures = (("plain", sides[0], " s"), ("Airflow", sides[1], " s"), ("ratio", ratios, ""))
        for name, found, unit in (*figures, ("ratio, imports counted", fresh, "")):
            print(f"{name:<22} {statistics.median(found):6.2f}{unit}, {min(found):.2f} to {max(found):.2f}{unit}")


if __name__ == "__main__":
    main()
