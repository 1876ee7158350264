"""Models that other releases of scikit-learn wrote: read as they were, or refused with what to do.

The folders `written_by_scikit_learn_*` hold what an environment of that release stored of each kind of model, made of drawn
numbers, and the probabilities that it gave to eight rows. To add one, before an upgrade, in the environment that goes:
`python tests/integration/package/store/test_portable.py FOLDER`; and its release in `portable.READ`.
"""

import copy
import json
import pickle
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
import skops.io
from sklearn.pipeline import Pipeline

from shotclock.errors import StoreError
from shotclock.models.candidates.algorithms import Plan, Rows
from shotclock.models.candidates.recalibration import recalibrate
from shotclock.models.predictor import predictor
from shotclock.store.versions import portable
from shotclock.store.versions.registry import load_model

OWN = ".".join(sklearn.__version__.split(".")[:2])
HERE = Path(__file__).parent
KINDS = ("decision_tree", "logistic_regression", "gradient_boosting", "recalibrated")
OLDER = [release for release in portable.READ if release != OWN]


def drawn() -> tuple[pd.DataFrame, "pd.Series[int]"]:
    draw = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "distance": draw.integers(0, 30, 300).astype(float),
            "late": draw.integers(0, 2, 300).astype(float),
            "angle": draw.normal(size=300).round(3),
        }
    )
    made = draw.random(300) < 1 / (1 + np.exp(rows["distance"] / 10 - 1 + 0.3 * rows["late"]))
    return rows, made.astype(int)


def models() -> dict[str, Pipeline]:
    rows, made = drawn()
    settings = {
        "decision_tree": {"max_depth": 2, "min_samples_leaf": 50},
        "logistic_regression": {"C": 0.1},
        "gradient_boosting": {"max_iter": 3, "max_leaf_nodes": 3},
    }
    found = {
        name: Plan(name, folds=3, iterations=1, seed=1).pipeline(chosen).fit(rows, made)
        for name, chosen in settings.items()
    }
    return {**found, "recalibrated": recalibrated(found["decision_tree"])}


def recalibrated(model: Pipeline) -> Pipeline:
    rows, made = drawn()
    return recalibrate(model, Rows(rows[150:], made[150:].to_numpy()), folds=3, seed=1).model


def write(folder: Path) -> None:
    asked, told = drawn()[0][:8], {}
    for name, model in models().items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        skops.io.dump(model, folder / name / "model.skops", compression=ZIP_DEFLATED, compresslevel=9)
        told[name] = model.predict_proba(asked)[:, 1].tolist()
    content = {"rows": asked.to_dict("list"), "probabilities": told}
    (folder / "probabilities.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def stored(release: str, kind: str) -> tuple[Pipeline, pd.DataFrame, list[float]]:
    folder = HERE / f"written_by_scikit_learn_{release.replace('.', '_')}"
    told = json.loads((folder / "probabilities.json").read_text("utf-8"))
    return load_model(str(folder / kind), None), pd.DataFrame(told["rows"]), told["probabilities"][kind]


@pytest.fixture
def rewritten(tmp_path):
    """A stored model whose file says that another release of scikit-learn wrote it."""

    def make(release):
        folder = tmp_path / release
        folder.mkdir()
        skops.io.dump(models()["logistic_regression"], folder / "own.skops")
        with ZipFile(folder / "own.skops") as own, ZipFile(folder / "model.skops", "w") as other:
            for name in own.namelist():
                content = own.read(name)
                if name == "schema.json":
                    content = content.replace(sklearn.__version__.encode(), release.encode())
                other.writestr(name, content)
        return str(folder)

    return make


def test_each_release_that_is_read_is_one_whose_models_are_kept_here():
    kept = {path.name.removeprefix("written_by_scikit_learn_") for path in HERE.glob("written_by_scikit_learn_*")}
    assert kept == {release.replace(".", "_") for release in OLDER} != set()


def test_the_release_of_this_environment_is_one_that_is_read():
    assert OWN in portable.READ


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("release", OLDER)
def test_a_champion_of_an_older_release_gives_the_probabilities_that_it_gave_there(release, kind, recwarn):
    model, rows, given = stored(release, kind)
    # given on another processor: its matrix products may differ in the last bit
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1], given, rtol=0, atol=1e-15)
    fast = predictor(model, list(rows.columns), "1")
    np.testing.assert_allclose(fast(pa.RecordBatch.from_pandas(rows)), given, rtol=0, atol=1e-15)
    assert not recwarn.list


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("release", OLDER)
def test_a_champion_of_an_older_release_can_be_shown_copied_and_stored_anew(release, kind, tmp_path):
    model, rows, _ = stored(release, kind)
    given = model.predict_proba(rows)[:, 1]
    assert type(model).__name__ in repr(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict_proba(rows)[:, 1], given)
    skops.io.dump(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load_model(str(tmp_path), None).predict_proba(rows)[:, 1], given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("release", OLDER)
def test_a_champion_of_an_older_release_is_recalibrated_as_one_of_this_release(release, kind):
    model, rows, _ = stored(release, kind)
    anew = recalibrated(model)
    again = recalibrated(anew)
    np.testing.assert_array_equal(anew.predict_proba(rows), again.predict_proba(rows))
    if kind in ("decision_tree", "recalibrated"):  # of which it was made
        np.testing.assert_array_equal(anew.predict_proba(rows), models()["recalibrated"].predict_proba(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_this_release_is_read_as_it_was_stored(kind, tmp_path):
    model, rows = models()[kind], drawn()[0]
    skops.io.dump(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(load_model(str(tmp_path), None).predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("release", ["0.24.2", "1.3.2", "1.5.0", "1.8.1", "1.10.0", "1.40.1", "2.0.0", "1.8.dev0"])
def test_a_model_of_a_release_that_was_never_tried_is_refused_with_what_to_do(release, rewritten):
    short = ".".join(release.split(".")[:2])
    with pytest.raises(
        StoreError, match=rf"written by scikit-learn {short}, expected 1\.4 or 1\.9, .*train and promote again"
    ):
        load_model(rewritten(release), None)


@pytest.mark.parametrize("release", ["1.4.0", "1.4.2", f"{OWN}.0", f"{OWN}.7"])
def test_what_was_tried_of_a_release_holds_for_its_mended_releases(release, rewritten):
    rows = drawn()[0]
    found = load_model(rewritten(release), None)
    np.testing.assert_array_equal(found.predict_proba(rows), models()["logistic_regression"].predict_proba(rows))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
