"""A history goes by, period by period, through the product's own flows: what they lose, and what other policies would have.

    .venv/bin/python -m benchmarks.histories --history kobe_shots
    .venv/bin/python -m benchmarks.histories --history late_flights --every 4
    .venv/bin/python -m benchmarks.histories --history sea --seeds 0 1 2

`kobe_shots` goes by in seasons, `late_flights` in weeks, and so do `sea`, `hyperplane` and `quiet` of `benchmarks.streams`.
Each period is scored by who is in service, then its labels are known and a retraining runs, as on the schedule. At the end
the policies are replayed on the same store, as `shotclock policies` does, and so is the holdout gate of `benchmarks.holdout`.

What the retrainings cost is told in CPU seconds, all at once and of the last five; `--anew` lets them keep nothing of one
another. With several seeds figures are means, and with each stands the standard error of its difference to the flows'.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from yaml import safe_dump, safe_load

from benchmarks import streams
from benchmarks.holdout import Floats, Holdout
from shotclock import flows
from shotclock.config import Project, load_project, project, settings
from shotclock.handoff import Done, PastRows, Result
from shotclock.judging import performance
from shotclock.models.replay import History
from shotclock.projects.split_history import split_history
from shotclock.sources.find import find
from shotclock.steps.recipes import kept
from shotclock.store import queries
from shotclock.store.records import Application
from shotclock.store.server import database
from shotclock.store.versions import registry, verify

ROOT = Path(__file__).parents[1]
PROJECTS = ROOT / "include" / "projects"
PERIODS = {"kobe_shots": "season", "late_flights": "week", **dict.fromkeys(streams.STREAMS, "week")}
FLOWS = "the product's own flows"
HINDSIGHT, HOLDOUT = "best in hindsight", "holdout gate"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", choices=PERIODS, default="kobe_shots")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of a stream")
    parser.add_argument(
        "--every", type=int, default=1, help="which rows of a project's files are kept: each so many-th"
    )
    parser.add_argument("--ships", choices=["refit", "measured"], default="refit")
    parser.add_argument("--blend", action="store_true", help="the blend competes, too")
    parser.add_argument("--anew", action="store_true", help="search settings and make the record anew each time")
    asked = parser.parse_args()
    with get_context("spawn").Pool(1, maxtasksperchild=1) as alone:  # each in a process and a home of its own
        report(alone.map(partial(gone_by, asked), asked.seeds, chunksize=1))


def gone_by(asked: argparse.Namespace, seed: int) -> pd.DataFrame:
    """Log loss, regret and trainings of the flows and of each policy, by name."""
    if asked.anew:
        kept._earlier = lambda *_: None  # retrainings find no earlier ones
    with tempfile.TemporaryDirectory() as home:
        lay_out(Path(home), asked, seed)
        found = [*periods(asked.history)]
        return compared(asked.history, found)


def lay_out(home: Path, asked: argparse.Namespace, seed: int) -> None:
    """A home of its own with the project and its raw files."""
    settle(home)
    if asked.history in streams.STREAMS:
        rules = streams.write(asked.history, seed, home / "data" / "raw")
    else:
        rules = safe_load((PROJECTS / f"{asked.history}.yaml").read_text("utf-8"))
    rules["training"] |= {"blend": asked.blend}
    rules["retraining"] |= {"ships": asked.ships}
    file = write(home, rules)
    if asked.every > 1:
        thin_out(load_project(file), asked.every)
        write(home, thinned(rules, asked.every))


def settle(home: Path) -> None:
    """The folders, the environment that names them, and a store."""
    for folder in (home / "data" / "raw" / "arrivals", home / "projects"):
        folder.mkdir(parents=True)
    (home / "projects" / "court").symlink_to(PROJECTS / "court")
    os.environ |= {"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_DATA": "data", "SHOTCLOCK_PROJECTS": "projects"}
    os.environ |= {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "SHOTCLOCK_ARTIFACTS": str(home / "artifacts")}
    if (ROOT / "data" / "raw").is_dir():
        os.environ.setdefault("SHOTCLOCK_DATA_DIR", str(ROOT / "data" / "raw"))
    verify.verify_apart = verify.verify  # a process of its own takes seconds
    database.prepare_store()


def write(home: Path, rules: dict[str, Any]) -> Path:
    """The project file, with a folder of batches and scikit-learn's search."""
    rules["data"] |= {"batches": "arrivals"}
    rules["training"] |= {"backend": "scikit-learn"}
    file = home / "projects" / f"{rules['name']}.yaml"
    file.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    return file


def thin_out(rules: Project, every: int) -> None:
    """Keep each so many-th row of both raw files."""
    for role in ("training", "production"):
        path = find(rules, role, settings()).path
        rows = pq.read_table(path)
        pq.write_table(rows.take(np.arange(0, rows.num_rows, every)), path)


def thinned(rules: dict[str, Any], every: int) -> dict[str, Any]:
    """The project file with numbers of rows accordingly."""
    counts = {"recent_rows", "every_new_records", "min_new_labels"} & rules["retraining"].keys()
    fewer = {count: rules["retraining"][count] // every for count in counts}
    data = {name: value for name, value in rules["data"].items() if name != "sha256"}
    return rules | {"data": data, "retraining": rules["retraining"] | fewer}


@dataclass(frozen=True)
class Period:
    """What it lost, in nats of each labelled row, and the CPU seconds of the retraining after it: None where it was skipped."""

    lost: Floats
    seconds: float | None


def periods(name: str) -> Iterator[Period]:
    """Each period of the production file, as it goes by."""
    flows.train(name, "first")
    raw = Path(str(settings().data / "raw"))
    for part in split_history(name, PERIODS[name], into="periods").files:
        period = Path(shutil.copy(raw / "periods" / part.file, raw / "arrivals"))
        flows.score(name, f"{part.file} arrives")
        serves, lost = registry.require_champion(name), losses(name, period)
        if flows.check(name, f"{part.file} arrives").sensors["demotion"].fires:
            print(flows.demote(name, part.file).summary)
        began = time.process_time()
        done = flows.retrain(name, part.file, reason="the schedule")
        spent = time.process_time() - began
        flows.score(name, f"{part.file} again")
        told = f"{done.decision}: {done.reason}" if isinstance(done, Done) else f"skip: {done.skip}"
        print(
            f"{part.file:<16} {len(lost):6,} rows  {lost.mean():.4f}  by v{serves.number} {serves.origin.algorithm}; "
            f"{spent:.1f} s  {told[:110]}",
            flush=True,
        )
        yield Period(lost, spent if isinstance(done, Done) else None)


def losses(name: str, period: Path) -> Floats:
    """Of the labelled rows of a period, by what was published last."""
    columns = project(name).columns
    newest = queries.newest(name, Application, most=1)[0].record
    given = pq.read_table(newest.predictions, columns=[columns.id, columns.probability]).to_pandas()
    known = pq.read_table(period, columns=[columns.id, columns.target]).to_pandas().dropna()
    rows = known.merge(given, on=columns.id, validate="one_to_one")
    assert len(rows) == len(known)
    return performance.losses(rows[columns.target].to_numpy(dtype=float), rows[columns.probability].to_numpy())


def compared(name: str, found: list[Period]) -> pd.DataFrame:
    """The flows beside every policy on the same store, and the holdout gate."""
    steps: dict[str, Result] = {}
    told = flows.compare_policies(name, "policies", note=steps.__setitem__).comparison
    table = pd.DataFrame(
        {one.name: (one.log_loss, one.regret, one.trainings) for one in told.replayed},
        index=["log_loss", "regret", "trainings"],
    ).T
    past, least = steps["cut"], table["log_loss"][HINDSIGHT]
    assert isinstance(past, PastRows)
    holdout, lost = Holdout(history(past), project(name)).mean_loss(), np.concatenate([one.lost for one in found])
    spent = [one.seconds for one in found if one.seconds is not None]
    print(
        f"CPU seconds of {len(spent)} retrainings: {sum(spent):.0f}; of the last five: {np.mean(spent[-5:]):.2f} each"
    )
    table.loc[HOLDOUT] = holdout, holdout - least, told.blocks - 1
    table.loc[FLOWS] = lost.mean(), lost.mean() - least, len(spent)
    print(f"{told.rows:,} rows were replayed, {len(lost):,} went by", flush=True)
    return table


def history(past: PastRows) -> History:
    training, test, later = (pd.read_parquet(path) for path in (past.training, past.test, past.later))
    return History(training, test, later, past.cuts, past.begin, past.ends)


def report(found: list[pd.DataFrame]) -> None:
    """Means over the seeds."""
    mean = pd.concat(found).groupby(level=0).mean().sort_values("log_loss")
    for name, one in mean.T.items():
        apart = [each["log_loss"][str(name)] - each["log_loss"][FLOWS] for each in found]
        error = f" ± {np.std(apart, ddof=1) / len(apart) ** 0.5:.4f}" if len(apart) > 1 else ""
        print(
            f"{name:<24} log loss {one['log_loss']:.4f}  regret {one['regret']:.4f}  trainings {one['trainings']:4.1f}  "
            f"against the flows {np.mean(apart):+.4f}{error}"
        )


if __name__ == "__main__":
    main()
