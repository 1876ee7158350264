"""How fast and in how much memory a file is scored, against pyarrow's plain copy of the same columns.

    python benchmarks/scoring.py --rows 20000000

The file is made from the project's real rows, jittered so that they do not repeat, in a temporary folder that is
removed afterwards. Each measurement runs in a fresh process: its seconds leave the imports out, its peak memory does
not.
"""

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import Project, project, settings

GROUP_ROWS = 1 << 20  # pyarrow's own default
MODELS = ("logistic_regression", "decision_tree")
SEED = 0


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="scoring-", dir=options.folder) as folder:
        _make_models(project(options.project), Path(folder))
        _make_rows(project(options.project), Path(folder) / "rows.parquet", options.rows)
        size = (Path(folder) / "rows.parquet").stat().st_size
        print(
            f"{options.rows:,} jittered rows, {size / 1e6:,.0f} MB, best of {options.repeat}, each in a fresh process\n"
        )
        print(f"{'what':32} {'M rows/s':>9} {'of copy':>8} {'CPU s':>6} {'peak MB':>8} {'out MB':>7}")
        copied = _show("pyarrow copy, no prediction", _best(options, folder, "copy"), None)
        for model in MODELS:
            _show(f"score_file, {model}", _best(options, folder, model), copied)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--project", default="kobe_shots")
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--one", choices=["copy", *MODELS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _measure(options)
        sys.exit()
    return options


# What is measured


def _best(options: argparse.Namespace, folder: str, what: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", what, "--folder", folder, "--project", options.project]
    runs = []
    for _ in range(options.repeat):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    return min(runs, key=lambda run: run["seconds"]) | {"peak": max(run["peak"] for run in runs)}


def _show(label: str, run: dict[str, float], copied: float | None) -> float:
    speed = run["rows"] / run["seconds"]
    ratio = f"{speed / copied:8.2f}" if copied else " " * 8
    print(f"{label:32} {speed / 1e6:9.2f} {ratio} {run['cpu']:6.1f} {run['peak']:8.0f} {run['out']:7.0f}", flush=True)
    return speed


def _measure(options: argparse.Namespace) -> None:
    """One measurement, in this process, told as JSON."""
    folder = Path(options.folder)
    target = folder / "out.parquet"
    run = _copy if options.one == "copy" else _score(options.one)
    start, cpu = time.perf_counter(), time.process_time()
    rows = run(project(options.project), folder, target)
    found = {
        "rows": rows,
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "peak": _peak_megabytes(),
        "out": target.stat().st_size / 1e6,
    }
    target.unlink()
    print(json.dumps(found))


def _peak_megabytes() -> float:
    """The most memory that this process held, imports included; `getrusage` would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _copy(rules: Project, folder: Path, target: Path) -> int:
    columns = [rules.columns.id, rules.columns.time, *rules.columns.features]
    source = pq.ParquetFile(folder / "rows.parquet")
    schema = pa.schema([source.schema_arrow.field(name) for name in columns])
    with pq.ParquetWriter(target, schema) as writer:
        for batch in source.iter_batches(columns=columns):
            writer.write_batch(batch)
    return int(source.metadata.num_rows)


def _score(name: str):  # type: ignore[no-untyped-def]
    from shotclock import scoring

    def run(rules: Project, folder: Path, target: Path) -> int:
        model = pickle.loads((folder / f"{name}.pickle").read_bytes())
        paths = folder / "rows.parquet", target, folder / "quarantine.parquet"
        return scoring.score_file(model, rules.columns, *paths, version="1", max_bad_share=0.0).scored

    return run


# What it is measured on


def _make_models(rules: Project, folder: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    features, target = list(rules.columns.features), rules.columns.target
    rows = pq.read_table(_real(rules.data.training), columns=[*features, target]).to_pandas().dropna()
    models = (make_pipeline(StandardScaler(), LogisticRegression()), make_pipeline(DecisionTreeClassifier(max_depth=4)))
    for name, model in zip(MODELS, models, strict=True):
        model.fit(rows[features], rows[target].astype(int))
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


def _make_rows(rules: Project, path: Path, rows: int) -> None:
    """Draw real rows by chance and jitter their features within their rules; ids count up."""
    real = pa.concat_tables([pq.read_table(_real(name)) for name in (rules.data.training, rules.data.production)])
    rng = np.random.default_rng(SEED)
    with pq.ParquetWriter(path, real.schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            size = min(GROUP_ROWS, rows - start)
            group = real.take(pa.array(rng.integers(0, real.num_rows, size)))
            group = _with(group, rules.columns.id, np.arange(start, start + size))
            for name, values in _jittered(rules, group, rng).items():
                group = _with(group, name, values)
            writer.write_table(group)


def _jittered(rules: Project, group: pa.Table, rng: np.random.Generator) -> dict[str, np.ndarray]:
    found = {}
    for name, rule in rules.columns.features.items():
        values = group[name].to_numpy()
        if rule.type == "number":
            values = np.clip(values + rng.normal(0, values.std() / 100, len(values)), rule.min, rule.max)
        elif rule.allowed is None:
            values = np.clip(values + rng.integers(-1, 2, len(values)), rule.min, rule.max).astype(values.dtype)
        found[name] = values
    return found


def _with(table: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values))


def _real(name: str) -> Path:
    folders = [folder for folder in (settings().data_source, settings().data / "raw") if folder]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        sys.exit(
            f"{name} is in none of {[str(folder) for folder in folders]}: run `make data`, or set SHOTCLOCK_DATA_DIR"
        )
    return found


if __name__ == "__main__":
    main()
