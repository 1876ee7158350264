"""Where nothing is proven better than the base rate, it goes into service itself, labelled so, and the loop starts."""

import json
from copy import deepcopy

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from yaml import safe_dump

from shotclock import flows
from shotclock.config import settings
from shotclock.files import storage
from shotclock.handoff import Approval
from shotclock.judging.verdict import BASE_RATE_ALONE
from shotclock.reading import health
from shotclock.reading.status import status
from shotclock.reading.status.summary import summarise
from shotclock.serving import service
from shotclock.steps import intake, training
from shotclock.store import history
from shotclock.store.run import Run
from shotclock.store.versions import registry

NAME = "lottery"


def drawn(table, seed):
    """The rows with labels that nothing tells: one in three."""
    labels = pa.array((np.random.default_rng(seed).random(table.num_rows) < 1 / 3).astype(np.int64))
    return table.set_column(table.column_names.index("bought"), "bought", labels)


@pytest.fixture(scope="module")
def _lottery(_trained_shop, copied, shop_rules):
    """A project whose labels are drawn by lot, not trained yet."""
    rules = deepcopy(shop_rules) | {"name": NAME, "title": "Lottery"}
    rules["data"] = {"training": "lots.parquet", "production": "none.parquet", "batches": "lots"}
    rules["columns"]["features"]["region"] = {"type": "category"}
    with copied(_trained_shop) as shop:
        (shop.home / "projects" / f"{NAME}.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
        shop.put("lots.parquet", placed(drawn(shop.orders(3000), 1)))
    return shop


@pytest.fixture
def lottery(_lottery, copied):
    with copied(_lottery) as shop:
        yield shop


def placed(table):
    return table.append_column("region", pa.array(np.resize(["north", "south"], table.num_rows)))


@pytest.fixture(scope="module")
def _served(_lottery, copied):
    with copied(_lottery) as shop:
        flows.train(NAME, "t1")
    return shop


@pytest.fixture
def served(_served, copied):
    """The same with the base rate in service."""
    with copied(_served) as shop:
        yield shop


def arrive(shop, number, rows):
    shop.put(f"lots/{number}.parquet", placed(rows))
    flows.score(NAME, f"s{number}")
    return flows.check(NAME, f"m{number}")


def published():
    folder = storage.published(settings().data, NAME, "predictions")
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.rglob("resultado_pipeline.parquet"))])


def test_the_base_rate_of_the_training_rows_goes_into_service_and_says_so(lottery):
    done = flows.train(NAME, "t1")
    champion, (decision, *_) = registry.require_champion(NAME), history.decisions(NAME)
    assert (done.decision, done.version, champion.origin.algorithm) == ("promote", "1", "base_rate")
    assert (decision.outcome, decision.gate) == ("promote", "keep")
    folder = settings().data / NAME / "champion"
    learnt = pd.read_parquet(folder / "base_train.parquet")
    rate = learnt["bought"].mean()
    assert decision.reason.startswith(
        f"{BASE_RATE_ALONE}: it says {rate:.2%} of every row; the gate on the best candidate: gain"
    )
    model, shown = champion.load(), pd.read_parquet(folder / "base_test.parquet")
    assert [step for step, _ in model.steps] == ["model"]
    np.testing.assert_allclose(model.predict_proba(shown[list(model.feature_names_in_)])[:, 1], rate, rtol=1e-12)
    assert set(pd.read_parquet(champion.training_ids())["order_id"]) == set(learnt["order_id"])
    card = (folder / "model_card.html").read_text("utf-8")
    for sentence in (
        f"{BASE_RATE_ALONE}. It says the same of every row.",
        "the base rate, where no candidate is proven better",
        "a recipe takes over once its record proves it better",
        "that it never saw",
    ):
        assert sentence in card
    assert "No figure on this page was measured on this very fit" not in card
    assert BASE_RATE_ALONE in (folder / "decision.html").read_text("utf-8")


def test_the_loop_starts_and_says_what_serves(served):
    found = arrive(served, 1, drawn(served.orders(600, first=10_001, day="2026-01-01"), 2))
    rate = published()["probability"]
    assert len(rate) == 600 and rate.nunique() == 1
    assert found.performance_check.verdict == "warning"  # as far as it can be told, as good as itself
    assert "not proven better than the base rate: between" in found.performance_check.reason
    told = status(NAME)
    assert told.fitness.verdict.startswith(f"{BASE_RATE_ALONE}. Not proven better than the base rate")
    assert BASE_RATE_ALONE in " ".join(summarise(told).split())
    rows = {row.name: row.fitness.verdict for row in health.Projects().overview().projects}
    assert rows[NAME] == told.fitness.verdict and BASE_RATE_ALONE not in rows["shop"]


def test_a_recipe_takes_over_once_its_record_proves_it_better(served):
    arrive(served, 1, served.orders(1500, first=10_001, day="2026-01-01"))
    done = flows.retrain(NAME, "r1", reason="x")
    assert done.decision == "promote" and "gain over the champion" in done.reason
    assert registry.require_champion(NAME).origin.algorithm.startswith("logistic_regression")
    assert BASE_RATE_ALONE not in status(NAME).fitness.verdict


def test_as_long_as_none_does_a_retraining_refits_it(served):
    arrive(served, 1, drawn(served.orders(600, first=10_001, day="2026-01-01"), 3))
    assert flows.retrain(NAME, "r1", reason="x").decision == "promote"
    champion = registry.require_champion(NAME)
    assert champion.number == "2" and champion.origin.is_base_rate
    assert status(NAME).fitness.verdict.startswith(BASE_RATE_ALONE)
    folder = settings().data / NAME / "champion"
    names = [path.parent.name for path in folder.rglob("track_record.parquet")]
    assert sorted(names) == [
        f"{made}.{rows}" for made in ("base_rate", "logistic_regression") for rows in ("older_and_recent", "recent")
    ]
    assert f"{BASE_RATE_ALONE}. It says the same of every row." in (folder / "model_card.html").read_text("utf-8")


def test_each_answer_of_the_endpoint_says_so(served):
    asked = json.dumps({"dataframe_records": [{"amount": 1.0, "age": 30, "member": 0, "region": "east"}]}).encode()
    told = json.loads(service.load(registry.require_champion(NAME)).respond(asked, "application/json"))
    assert (told["model_version"], told["base_rate"]) == ("1", True)
    plain = json.dumps({"dataframe_records": [{"amount": 1.0, "age": 30, "member": 0}]}).encode()
    assert "base_rate" not in json.loads(
        service.load(registry.require_champion("shop")).respond(plain, "application/json")
    )


def test_who_refuses_it_has_no_champion(lottery):
    run = Run(NAME, "training", "t1")
    valid = intake.validate(run, intake.ingest(run, "training", None))
    data = training.split(run, training.filter_rows(run, valid))
    compared = training.compare(run, training.candidates(run), data)
    selection = training.select(run, [training.train(run, item, data) for item in compared], data)
    decision = training.gate(run, selection, data)
    verified = training.verify(run, decision)
    refused = Approval(approved=False, because="dry run")
    done = training.promote(run, selection, decision, verified, data, approval=refused)
    assert done.decision == "keep" and registry.champion(NAME) is None
    assert BASE_RATE_ALONE not in done.reason
