"""A column may have any name: from `init` to the last page."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock import config, flows
from shotclock.files import storage
from shotclock.projects.init.guess import Wishes
from shotclock.projects.init.make import make_project
from shotclock.reading import demonstration, distributions, health
from shotclock.reading.status import status
from shotclock.serving import service
from shotclock.store import queries
from shotclock.store.records import Application, Drift
from shotclock.store.server import artifacts, database
from shotclock.store.versions import registry

ID, TIME, TARGET = ".id (nr)", "[when?]", "bought/€ = yes"
FEATURES = (
    "Amount (EUR)", "Amount [EUR]", "100 %", "€", "£ a", "a/b", "a//b", "../up", "a\\b", "price", "price.", "price.net", 
    "Price",
    "it's", 'say "so"', "a: b", "#tag", "{x}", "- a", "? b", "yes", "null", "1e3", "2024-01-01", "True", "prediction", "index",
    "probability", "model_version", "reason", "champion_probability", "self", "class", "select", "level_0", "日本語",
    "naïve", "🏀",
    "<b>bold</b>", "</script>", "%s", "a,b", "a;b", "tab\there", ":u28:", "target", "data", "x" * 90,
)  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory, settled):
    """A project of these columns, made by `init`, trained, scored and checked."""
    home, random = tmp_path_factory.mktemp("odd"), np.random.default_rng(5)
    (home / "projects").mkdir()
    (home / "data" / "raw").mkdir(parents=True)
    rows = pd.DataFrame({name: random.normal(size=1200).round(3) for name in FEATURES})
    chance = 1 / (1 + np.exp(-2 * rows["Amount (EUR)"] + 2 * rows["price."]))
    rows.insert(0, ID, np.arange(1200))
    rows.insert(1, TIME, pd.date_range("2024-01-01", periods=1200, freq="h"))
    rows[TARGET] = (random.random(1200) < chance).astype(int)
    pq.write_table(pa.Table.from_pandas(rows), home / "odd.parquet")
    with settled(home):
        make_project(home / "odd.parquet", Wishes(target=TARGET, id=ID, time=TIME, features=FEATURES), share=0.5)
        file = home / "projects" / "odd.yaml"
        file.write_text(
            re.sub(
                r"candidates: .*", "candidates: [logistic_regression]\n  folds: 2\n  iterations: 1", file.read_text()
            )
        )
        database.prepare_store()
        flows.train("odd", "t1")
        flows.score("odd", "s1")
        yield flows.check("odd", "m1")


def test_init_keeps_every_name_as_it_is(odd):
    assert set(config.project("odd").columns.features) == set(FEATURES)


def test_every_column_is_checked_for_drift_under_its_own_name(odd):
    assert odd.drift_check.verdict != "insufficient data"
    (found,) = queries.newest("odd", Drift, most=1)
    scores = {name.removeprefix("drift_score_") for name in found.record.figures if name.startswith("drift_score_")}
    assert scores == {*FEATURES, "_probability", TARGET}


def test_predictions_hold_the_projects_columns_and_those_of_scoring_beside_them(odd):
    (scored,) = queries.newest("odd", Application, most=1)
    found = storage.read_table(storage.at(scored.record.predictions))
    assert found.num_rows == 600
    own = ["_probability", "_prediction", "_model_version"]
    assert found.column_names == [*config.project("odd").columns.all, *own]
    model = registry.champion("odd").load()
    frame = found.to_pandas()
    expected = model.predict_proba(frame[list(model.feature_names_in_)])[:, 1]
    np.testing.assert_allclose(frame["_probability"], expected, atol=1e-12)


def test_the_pages_read_every_column(odd):
    assert status("odd").project == "odd"
    shapes = distributions.compare("odd", "1").columns
    assert list(shapes) == [*config.project("odd").columns.features, "_probability", TARGET]
    window = health.details("odd").windows[-1]
    assert set(window.scores) == set(shapes)


def test_the_card_names_every_column_and_lets_none_of_them_be_markup(odd):
    card = storage.read(artifacts.artifact(registry.champion("odd").run_id, "model_card.html")).decode()
    assert "&lt;b&gt;bold&lt;/b&gt;" in card
    assert "<b>bold</b>" not in card
    assert "日本語" in card


def test_the_form_and_the_endpoint_ask_for_every_column(odd):
    served = demonstration.load("odd", "1")
    start = {one.name: one.start for one in demonstration.inputs("odd", served)}
    assert set(start) == set(FEATURES)
    loaded = service.load(registry.champion("odd"))
    answer = loaded.predict(loaded.read(registry.champion("odd").example(), "application/json"))
    assert answer.shape[1] == 2
