"""What a DAG file costs to parse, over an empty one, in the same run; with 1, 10, 100 and 200 projects.

    python -m benchmarks.parse

Each figure is the median of several fresh processes, forked from one that has imported `airflow.sdk`, as Airflow's DAG
processor forks one for each file; what the file itself imports, it pays for. Then the same as a task pays it, which makes the
DAGs of its own project alone. `all` is the sum over the files that make DAGs, with the turning of each DAG into what Airflow
stores, which the same process does; `MB` is what the largest of these processes grew by.
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
FLOWS = ("training", "inference", "monitoring", "retraining", "rollback", "policies")
PROJECTS = (1, 10, 100, 200)
EMPTY = '"""An Airflow DAG file without a DAG."""\n\nfrom airflow.sdk import DAG\n\nwith DAG("empty"):\n    pass\n'
TASK = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"  # what Airflow sets while a task reads its DAG's file
LIMIT = 0.3  # seconds over an empty file, which the project promises


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with surroundings() as folder:
        import airflow.sdk  # noqa: F401
        from airflow.dag_processing.dagbag import DagBag  # noqa: F401
        from airflow.serialization.serialized_objects import LazyDeserializedDAG  # noqa: F401

        (folder / "empty.py").write_text(EMPTY, "utf-8")
        print(
            f"seconds over an empty DAG file; median of {runs} processes each; at most {LIMIT} are promised for one project"
        )
        print(
            f"{'projects':>8} "
            + "".join(f"{name:>12}" for name in ("empty", *FLOWS))
            + f"{'in a task':>12}{'all':>12}{'MB':>12}"
        )
        worst = max(row(folder, count, runs) for count in PROJECTS[:1])
        for count in PROJECTS[1:]:
            row(folder, count, runs)
    sys.exit(worst > LIMIT)


@contextlib.contextmanager
def surroundings() -> Iterator[Path]:
    """A home of Airflow's own, and a folder for project files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "SHOTCLOCK_PROJECTS": str(folder / "projects"),
        }
        sys.path += [str(ROOT / "dags"), str(ROOT / "plugins")]
        yield folder


def row(folder: Path, count: int, runs: int) -> float:
    """Measure and print one line; gives the largest figure of it. The files take turns, so that noise meets all of them."""
    write_projects(folder / "projects", count)
    files = {flow: (ROOT / "dags" / f"{flow}.py", "") for flow in FLOWS}
    files |= {"empty": (folder / "empty.py", ""), "task": (ROOT / "dags" / "training.py", "project_0.training")}
    rounds = [{name: in_a_process(*given) for name, given in files.items()} for _ in range(runs)]
    found = {name: statistics.median(costs[name].parsing for costs in rounds) for name in files}
    over = [found[name] - found["empty"] for name in (*FLOWS, "task")]
    whole = statistics.median(sum(costs[flow].parsing + costs[flow].storing for flow in FLOWS) for costs in rounds)
    grown = max(costs[flow].megabytes for costs in rounds for flow in FLOWS)
    figures = "".join(f"{figure:12.3f}" for figure in over)
    print(f"{count:>8} {found['empty']:12.3f}{figures}{whole:12.3f}{grown:12.1f}", flush=True)
    return max(over[: len(FLOWS)])


def write_projects(folder: Path, count: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = (ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8")
    (folder / "court").symlink_to(ROOT / "include" / "projects" / "court")
    for number in range(count):
        content = text.replace("name: kobe_shots\n", f"name: project_{number}\n")
        (folder / f"project_{number}.yaml").write_text(content, "utf-8")


class Cost(NamedTuple):
    """Seconds, and what the process grew by."""

    parsing: float
    storing: float
    megabytes: float


def in_a_process(file: Path, task: str) -> Cost:
    """What it costs Airflow to read one file, in a process of its own."""
    answers: Any = multiprocessing.get_context("fork").SimpleQueue()
    process = multiprocessing.get_context("fork").Process(target=parse, args=(file, task, answers))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{file}: could not be parsed")
    return Cost(*answers.get())


def parse(file: Path, task: str, answers: Any) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import LazyDeserializedDAG

    if task:
        os.environ[TASK] = task
    before, start = resident_megabytes(), time.perf_counter()
    bag = DagBag(str(file))
    parsed = time.perf_counter()
    assert not bag.import_errors, bag.import_errors
    assert bag.dags, file
    stored = [LazyDeserializedDAG.from_dag(dag) for dag in bag.dags.values()]
    took = time.perf_counter() - parsed
    assert len(stored) == len(bag.dags)
    answers.put((parsed - start, took, resident_megabytes() - before))


def resident_megabytes() -> float:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
