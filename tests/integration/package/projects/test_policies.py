"""Policies of retraining, replayed on a real project's own past."""

import json

import pytest

from shotclock.config import project
from shotclock.errors import ContractError
from shotclock.projects.policies import compare


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
    assert files(home / "data") == before  # it looks, and changes nothing


FIGURES = {"best in hindsight": 0.6242, "each block": 0.6293, "degradation only": 0.6327, "never": 0.6503}


def test_costs_are_told_in_money_and_bring_the_policy_that_weighs_them(at):
    home = at("alerted")
    path = home / "projects" / "shots.yaml"
    path.write_text(path.read_text("utf-8") + "cost: {training: 20, per_nat: 2}\n", "utf-8")
    project.cache_clear()
    told = {one.name: one for one in compare("shots").replayed}
    never = told["never"]
    assert never.money == pytest.approx(never.log_loss * 5412 * 2)
    asked = told["cost-aware"]
    assert asked.money == pytest.approx(asked.log_loss * 5412 * 2 + 20 * asked.trainings)
    assert asked.trainings < told["each block"].trainings


def test_too_few_labelled_rows_are_told_with_how_many_would_do(shop):
    shop.put("in/1.parquet", shop.orders(300, first=5000))
    shop.score()
    with pytest.raises(
        ContractError, match="300 labelled production rows, expected at least 400, or no retraining could be replayed"
    ):
        compare("shop")
