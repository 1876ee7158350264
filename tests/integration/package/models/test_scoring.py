"""Streaming batch inference that is killed amid its work."""

import pickle
import subprocess
import sys
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from shotclock.files import storage
from shotclock.models import scoring

PROJECT = Path(__file__).parents[4] / "include" / "projects" / "kobe_shots.yaml"
KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from shotclock.models import scoring
from shotclock.models.scoring import OUTPUTS
from shotclock.config import load_project

project, model, source, target, quarantine = map(Path, sys.argv[1:])
written, write = [], scoring._Output.write

def deadly(self, batch):
    write(self, batch)
    written.append(batch)
    if len(written) == 20:
        os.kill(os.getpid(), signal.SIGKILL)

scoring._Output.write = deadly
model = pickle.loads(model.read_bytes())
options = {"version": "3", "max_bad_share": 0.01, "batch_rows": 150}
scoring.score_file(model, load_project(project).columns, source, target, quarantine, **options)
"""


def outputs(folder):
    return folder / "resultado_pipeline.parquet", folder / "quarantine.parquet"


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_killed_halfway_leaves_no_result_and_its_retry_is_as_if_nothing_had_happened(kobe, dev, prod, tmp_path):
    features = list(kobe.columns.features)
    known = dev.dropna(subset=[*features, kobe.columns.target])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(known[features], known[kobe.columns.target].astype(int))
    prod.loc[0, "lat"] = None
    source = tmp_path / "in.parquet"
    prod.to_parquet(source)

    def score(name):
        options = {"version": "3", "max_bad_share": 0.01, "batch_rows": 150}
        scoring.score_file(model, kobe.columns, source, *outputs(tmp_path / name), **options)

    score("undisturbed")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    given_paths = [PROJECT, tmp_path / "model.pickle", source, *outputs(tmp_path / "killed")]
    done = subprocess.run([sys.executable, "-c", KILLED, *map(str, given_paths)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    left = files(tmp_path / "killed")
    assert left == [".quarantine.parquet.partial", ".resultado_pipeline.parquet.partial"]

    score("killed")
    assert (
        files(tmp_path / "killed")
        == files(tmp_path / "undisturbed")
        == ["quarantine.parquet", "resultado_pipeline.parquet"]
    )
    for a, b in zip(outputs(tmp_path / "killed"), outputs(tmp_path / "undisturbed"), strict=True):
        assert storage.digest(a) == storage.digest(b)
