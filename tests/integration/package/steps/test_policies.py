"""Policies of retraining, replayed on a real project's own past."""

import json

import pytest

from shotclock.errors import ContractError
from shotclock.flows import compare_policies
from shotclock.handoff import from_wire, to_wire
from shotclock.reading.comparisons import newest
from shotclock.steps import policies
from shotclock.store import records
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import tracked


def test_the_seasons_of_kobes_production_shots_are_replayed_under_each_policy(at, shotclock, files):
    home = at("alerted")
    before = files(home / "data")
    found = json.loads(shotclock("policies", "shots", "--json").stdout)
    assert (found["rows"], found["blocks"], found["cut_by"]) == (5412, 20, "season")
    told = {one["name"]: one for one in found["replayed"]}
    figures = {name: round(told[name]["log_loss"], 4) for name in FIGURES}
    assert figures == FIGURES
    assert (told["never"]["trainings"], told["each block"]["trainings"]) == (0, 19)
    assert all(one["regret"] >= 0 and one["money"] is None for one in told.values())
    assert found["staleness"][0]["excess"] == 0
    after = files(home / "data")
    assert {name: after[name] for name in before} == before  # it leaves a run of its own, and changes nothing
    assert {name.split("/runs/")[1].split("/")[0] for name in map(str, after.keys() - before.keys())} == {"policies"}
    stored = newest("shots")
    assert json.loads(json.dumps(to_wire(stored.comparison))) == to_wire(from_wire(type(stored.comparison), found))


FIGURES = {"best in hindsight": 0.6242, "each block": 0.6293, "degradation only": 0.6327, "never": 0.6503}


@pytest.fixture
def scored(shop):
    """The shop with 1,200 labelled orders of four days, in one batch that is cut into equal parts."""
    shop.put("in/1.parquet", shop.orders(1200, first=5000))
    shop.score()
    return shop


def test_costs_are_told_in_money_and_bring_the_policy_that_weighs_them(scored):
    scored.use(cost={"training": 20, "per_nat": 2})
    told = {one.name: one for one in compare_policies("shop", "priced").comparison.replayed}
    never = told["never"]
    assert never.money == pytest.approx(never.log_loss * 1200 * 2)
    asked = told["cost-aware"]
    assert asked.money == pytest.approx(asked.log_loss * 1200 * 2 + 20 * asked.trainings)
    assert asked.trainings < told["each block"].trainings


def test_tasks_in_any_order_and_tried_again_leave_the_same_bytes_and_one_record(scored, files):
    told = compare_policies("shop", "plain").comparison
    run = Run("shop", "policies", "spread")
    past = policies.cut(run)
    moments = policies.tune(run, past)
    fitted = [policies.fit(run, moment, past) for moment in reversed(moments)]
    first = policies.replay(run, past, fitted)
    assert first.comparison == told
    before = files(folder_of(run))
    assert len([name for name in before if "block_" in str(name)]) == len(moments) == told.blocks
    again = [policies.fit(run, moment, past) for moment in moments[:2]]
    assert [to_wire(one) for one in again] == [to_wire(one) for one in fitted[:-3:-1]]
    assert policies.replay(run, policies.cut(run), fitted).mlflow_run_id == first.mlflow_run_id
    assert files(folder_of(run)) == before
    assert newest("shop").mlflow_run_id == first.mlflow_run_id


def test_a_comparison_whose_table_is_gone_says_so_and_takes_no_page_away(shop):
    with tracked(Run("shop", "policies", "lost"), "replay", records.Policies) as record:
        figures = {"never": 0.6}
        rows = {"cut_by": "batch", "begin": "2026-01-01", "end": "2026-01-02", "rows": 9, "blocks": 3}
        record.write(records.Policies(**rows, log_loss=figures, regret=figures, trainings={"never": 0}))
    found = newest("shop")
    assert (found.comparison, found.fault) == (None, f"MLflow run {record.id} has no 'policies.json'")


def test_too_few_labelled_rows_are_told_with_how_many_would_do(shop):
    shop.put("in/1.parquet", shop.orders(300, first=5000))
    shop.score()
    with pytest.raises(
        ContractError, match="300 labelled production rows, expected at least 400, or no retraining could be replayed"
    ):
        policies.cut(Run("shop", "policies", "r"))
