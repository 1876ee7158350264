"""A table of numbers, truth values, codes and text, with gaps: through the whole loop."""

import json

import numpy as np
import pandas as pd
import pytest

from shotclock import flows, notebook
from shotclock.files import storage
from shotclock.reading import demonstration, distributions
from shotclock.serving import service
from shotclock.store import history, queries
from shotclock.store.records import Application, Drift
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
from shotclock.store.window import reference_rows

PROJECT = """\
name: shop
title: Shop
data: {training: old.parquet, production: new.parquet}
columns:
  id: id
  time: day
  target: bought
  features:
    age: {type: number, min: 0, max: 120, missing: allowed}
    visits: {type: integer, min: 0}
    member: {type: boolean}
    told: {type: boolean, missing: allowed}
    town: {type: category, missing: allowed}
    tariff: {type: category, allowed: [10, 20, 30]}
    street: {type: category}
training: {backend: scikit-learn, candidates: [decision_tree, gradient_boosting], folds: 2, iterations: 1}
gate: {min_rows: 200}
drift: {min_rows: 500}
degradation: {min_rows: 500}
retraining: {recent_rows: 2000, min_new_labels: 200}
slices: {town: {column: town}, age: {column: age, edges: [30, 50]}}
"""
TOWNS = ["Bern", "Genève", 'it\'s "Zug"', "St. Gallen"]


def rows(seed, many, first, towns=TOWNS):
    """Buying depends on town, tariff, membership and on whether the age is known."""
    random = np.random.default_rng(seed)
    found = pd.DataFrame(
        {
            "id": np.arange(first, first + many),
            "day": pd.date_range("2024-01-01", periods=many, freq="h") + pd.Timedelta(days=first),
            "age": random.normal(40, 9, many).round(1),
            "visits": random.integers(0, 9, many),
            "member": random.random(many) < 0.4,
            "told": random.choice(np.array([True, False, None], dtype=object), many),
            "town": random.choice(np.array([*towns, None], dtype=object), many),
            "tariff": random.choice([10, 20, 30], many),
            "street": [f"street {number}" for number in random.integers(0, 900, many)],
        }
    )
    found.loc[random.random(many) < 0.2, "age"] = np.nan
    chance = 0.15 + 0.3 * (found["town"] == TOWNS[0]) + 0.2 * found["member"] + 0.2 * found["age"].isna()
    return found.assign(bought=(random.random(many) < chance + 0.1 * (found["tariff"] == 30)).astype(int))


@pytest.fixture(scope="module")
def shop(tmp_path_factory, settled):
    """The project, trained, scored, checked and retrained; what came of each flow."""
    home = tmp_path_factory.mktemp("shop")
    for folder in ("projects", "data/raw"):
        (home / folder).mkdir(parents=True)
    (home / "projects" / "shop.yaml").write_text(PROJECT, "utf-8")
    rows(1, 3000, 0).to_parquet(home / "data" / "raw" / "old.parquet")
    new = rows(2, 1500, 9000, [*TOWNS[:3], "Lugano"])
    new.loc[0, ["tariff", "visits"]] = [40, -1]
    new.to_parquet(home / "data" / "raw" / "new.parquet")
    with settled(home):
        done = {
            "train": flows.train("shop", "t1"),
            "score": flows.score("shop", "s1"),
            "check": flows.check("shop", "m1"),
            "retrain": flows.retrain("shop", "r1", reason="to see"),
        }
        yield done


def predictions():
    (scored,) = queries.newest("shop", Application, most=1)
    return storage.read_table(storage.at(scored.record.predictions)).to_pandas()


def test_the_loop_runs_and_the_champion_tells_more_than_the_base_rate(shop):
    assert shop["train"].decision == "promote"
    assert (shop["retrain"].decision, shop["retrain"].version) == ("promote", "2")  # refitted at the least
    assert shop["check"].performance_check.verdict in {"ok", "alert"}
    found = history.findings("shop", "degradation", "1", 1)
    assert found[0].verdict.figures["log_loss_skill"] > 0.05


def test_every_row_is_scored_but_those_that_break_a_rule(shop):
    found = predictions()
    assert len(found) == 1499
    assert found["town"].isna().sum() > 100
    assert set(found["tariff"]) == {"10", "20", "30"}
    assert found["told"].dropna().isin([0, 1]).all()
    assert found["probability"].between(0, 1, inclusive="neither").all()


def test_scoring_gives_the_probabilities_of_the_registered_model(shop):
    found = predictions()
    model = registry.version("shop", "1").load()
    expected = model.predict_proba(found[list(model.feature_names_in_)])[:, 1]
    np.testing.assert_allclose(found["probability"], expected, atol=1e-12)


def test_a_notebook_scores_raw_rows_as_the_batch_was(monkeypatch, shop):
    monkeypatch.setattr(registry, "champion", lambda name: registry.version(name, "1"))
    given = notebook.open_project("shop").champion().score(rows(2, 1500, 9000, [*TOWNS[:3], "Lugano"]).drop(index=0))
    np.testing.assert_array_equal(given, predictions()["probability"])


def test_the_signature_asks_for_text_and_says_what_may_be_missing(shop):
    asked = {column.name: (column.is_text, column.may_be_missing) for column in registry.version("shop", "1").inputs()}
    assert asked == {
        "age": (False, True),
        "visits": (False, False),
        "member": (False, False),
        "told": (False, True),
        "town": (True, True),
        "tariff": (True, False),
        "street": (True, False),
    }


def test_drift_is_found_in_the_town_that_is_new_and_not_in_the_hundreds_of_streets(shop):
    (found,) = queries.newest("shop", Drift, most=1)
    scores = found.record.figures
    assert scores["drift_score_town"] > 0.1
    assert scores["drift_score_street"] < 0.1
    assert scores["drift_score_tariff"] < 0.1


def test_the_page_of_data_shows_levels_and_shares_of_missing_values(shop):
    shapes = distributions.compare("shop", "1").columns
    assert "Lugano" in shapes["town"].labels
    assert 0.1 < shapes["town"].missing_current < 0.3
    assert shapes["street"].labels[-1].endswith("others")
    assert 0.1 < shapes["age"].missing_reference < 0.3


def test_the_form_offers_each_input_as_it_is_and_the_versions_answer_is_the_models(shop):
    served = demonstration.load("shop", "2")
    asked = {one.name: one for one in demonstration.inputs("shop", served)}
    assert asked["town"].choices == tuple(
        sorted([*TOWNS[:3], "Lugano"])
    )  # of the rows that the last decision was about
    assert asked["tariff"].choices == ("10", "20", "30")
    assert asked["member"].choices == (0.0, 1.0)
    assert asked["age"].may_be_missing
    start = {name: one.start for name, one in asked.items()}
    frame = reference_rows("shop", registry.version("shop", "2")).head(1).assign(**start)[list(asked)]
    assert served.probability([start]) == pytest.approx(served.model.predict_proba(frame)[:, 1].tolist())
    assert 0 < served.probability([start | {"town": None, "age": None}])[0] < 1


ROW = {"age": 41, "visits": 3, "member": True, "told": None, "town": "Bern", "tariff": 20.0, "street": "street 7"}


def asked(loaded, rows, form="dataframe_records"):
    return json.loads(loaded.respond(json.dumps({form: rows}).encode(), "application/json"))["predictions"]


def test_the_endpoint_takes_the_raw_row_and_answers_as_the_model_does(shop):
    loaded = service.load(registry.version("shop", "1"))
    kept = pd.DataFrame([ROW | {"member": 1.0, "told": np.nan, "tariff": "20"}])
    expected = registry.version("shop", "1").load().predict_proba(kept)
    assert asked(loaded, [ROW]) == pytest.approx(expected)
    columns = {"columns": list(ROW)[::-1], "data": [list(ROW.values())[::-1]]}
    assert asked(loaded, columns, "dataframe_split") == pytest.approx(expected)
    table = b"age,visits,member,told,town,tariff,street\n41,3,True,,Bern,20,street 7\n"
    assert json.loads(loaded.respond(table, "text/csv"))["predictions"] == pytest.approx(expected)
    json.dumps(loaded.example, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"visits": None}, "column 'visits': row 0 is null, expected a number"),
        ({"tariff": None}, "column 'tariff': row 0 is null, expected text or a whole number"),
        ({"tariff": 1.5}, "column 'tariff': row 0 is 1.5, expected text or a whole number"),
        ({"age": "old"}, "column 'age': row 0 is \"old\", expected a number"),
        ({"town": [1]}, r"column 'town': row 0 is \[1\], expected text"),
    ],
)
def test_the_endpoint_refuses_a_value_of_another_type(shop, change, message):
    with pytest.raises(Exception, match=message):
        asked(service.load(registry.version("shop", "1")), [ROW | change])


def test_the_card_tells_slices_by_level_by_band_and_of_missing_values(shop):
    version = registry.version("shop", "1")
    card = storage.read(artifacts.artifact(version.run_id, "model_card.html")).decode()
    assert "Genève" in card
    assert "missing" in card
