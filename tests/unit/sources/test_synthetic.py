"""The generator knows nothing of basketball; the Kobe recipe makes the same shape and the same two regimes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pandas import DataFrame, to_datetime
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.errors import ConfigError
from shotclock.files.storage import digest, write_table
from shotclock.sources.synthetic import MARK, Recipe, generate, load_recipe

KOBE = Path(__file__).parents[3] / "include" / "synthetic" / "kobe_shots.yaml"
DEV, PROD = "dataset_kobe_dev.parquet", "dataset_kobe_prod.parquet"


def one(rows: int = 1000, **column: Any) -> np.ndarray:
    """The values of one column that is filled as the keywords say."""
    recipe = Recipe.model_validate(
        {"seed": 1, "output": ["x"], "files": {"f": {"rows": rows, "columns": {"x": column}}}}
    )
    return generate(recipe, "f")["x"].to_numpy()


def recipe(columns: dict[str, Any], output: list[str], rows: int = 1000, **file: Any) -> Recipe:
    files = {"f": {"rows": rows, "columns": columns, **file}}
    return Recipe.model_validate({"seed": 1, "output": output, "files": files})


class TestGenerator:
    def test_normal_has_its_mean_and_spread_and_is_cut(self) -> None:
        values = one(20_000, normal={"mean": 5, "std": 2, "min": 0, "max": 12})

        assert values.mean() == pytest.approx(5, abs=0.1)
        assert values.std() == pytest.approx(2, abs=0.1)
        assert values.min() == 0
        assert values.max() <= 12

    def test_integers_reach_both_ends(self) -> None:
        assert set(one(integers={"low": 2, "high": 5})) == {2, 3, 4, 5}

    def test_uniform_stays_inside(self) -> None:
        values = one(uniform={"low": -1, "high": 1})

        assert -1 <= values.min() < -0.9
        assert 0.9 < values.max() < 1

    def test_choice_follows_its_weights(self) -> None:
        values = one(20_000, choice={"a": 3, "b": 1, "c": 0})

        assert (values == "a").mean() == pytest.approx(0.75, abs=0.02)
        assert set(values) == {"a", "b"}

    def test_a_sequence_counts_and_a_constant_repeats(self) -> None:
        assert list(one(4, sequence={"start": 10, "step": 5})) == [10, 15, 20, 25]
        assert list(one(2, constant="x")) == ["x", "x"]

    def test_dates_are_iso_texts_between_both_ends(self) -> None:
        values = one(dates={"first": "2020-02-28", "last": "2020-03-01"})

        assert set(values) == {"2020-02-28", "2020-02-29", "2020-03-01"}

    def test_the_type_rounds_numbers_to_integers(self) -> None:
        table = generate(recipe({"x": {"constant": 2.6, "type": "integer"}}, ["x"]), "f")

        assert str(table.schema.field("x").type) == "int64"
        assert table["x"][0].as_py() == 3

    def test_a_formula_reads_other_columns_in_whatever_order_they_stand(self) -> None:
        columns = {"y": {"formula": "2 * x + 1"}, "x": {"sequence": {"start": 0}}}

        assert generate(recipe(columns, ["y"], rows=3), "f")["y"].to_pylist() == [1, 3, 5]

    def test_cases_fill_each_value_s_rows_in_their_own_way(self) -> None:
        columns = {
            "kind": {"choice": {"a": 1, "b": 1, "c": 1}},
            "x": {"cases": {"by": "kind", "when": {"a": {"constant": 1}}, "otherwise": {"constant": 2}}},
        }

        rows = generate(recipe(columns, ["kind", "x"]), "f").to_pandas()

        assert ((rows["x"] == 1) == (rows["kind"] == "a")).all()

    def test_per_draws_one_value_for_each_key_the_same_in_every_file(self) -> None:
        common = {"game": {"integers": {"low": 1, "high": 30}}, "host": {"choice": {"us": 1, "them": 1}, "per": "game"}}
        both = Recipe.model_validate(
            {"seed": 1, "output": ["game", "host"], "common": common, "files": {"f": {"rows": 500}, "g": {"rows": 500}}}
        )

        hosts = [generate(both, name).to_pandas().groupby("game")["host"].agg(["nunique", "first"]) for name in "fg"]

        assert (hosts[0]["nunique"] == 1).all()
        assert hosts[0]["first"].equals(hosts[1]["first"])
        assert set(hosts[0]["first"]) == {"us", "them"}

    def test_helpers_are_not_written_and_output_orders_the_rest(self) -> None:
        columns = {"help": {"constant": 1}, "a": {"formula": "help"}, "b": {"constant": "x"}}

        assert generate(recipe(columns, ["b", "a"]), "f").column_names == ["b", "a"]

    def test_labels_follow_their_probability_and_the_unlabelled_share_is_exact(self) -> None:
        label = {"column": "y", "probability": "0.9 if x == 1 else 0.2", "unlabelled": 0.25}
        made = generate(recipe({"x": {"choice": {0: 1, 1: 1}}}, ["x", "y"], rows=20_000, label=label), "f").to_pandas()

        assert made["y"].isna().sum() == 5000
        assert made["y"].dropna().isin([0.0, 1.0]).all()
        assert made.groupby("x")["y"].mean().to_dict() == pytest.approx({0: 0.2, 1: 0.9}, abs=0.02)

    def test_another_seed_gives_other_rows(self) -> None:
        first = recipe({"x": {"uniform": {"low": 0, "high": 1}}}, ["x"])
        second = first.model_copy(update={"seed": 2})

        assert not generate(first, "f").equals(generate(second, "f"))

    def test_a_change_to_one_column_leaves_the_others_as_they_were(self) -> None:
        before = {"a": {"uniform": {"low": 0, "high": 1}}, "b": {"uniform": {"low": 0, "high": 1}}}
        after = {"new": {"integers": {"low": 0, "high": 9}}, **before, "a": {"constant": 1}}

        assert generate(recipe(before, ["b"]), "f")["b"].equals(generate(recipe(after, ["b"]), "f")["b"])


class TestRefusals:
    @pytest.fixture
    def refusal(self, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], Any]], str]:
        def refuse(change: Callable[[dict[str, Any]], Any]) -> str:
            content = yaml.safe_load(KOBE.read_text())
            change(content)
            path = tmp_path / "recipe.yaml"
            path.write_text(yaml.safe_dump(content, sort_keys=False))
            with pytest.raises(ConfigError) as caught:
                generate(load_recipe(path), DEV)
            return str(caught.value)

        return refuse

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda c: c.update(sead=1),
                "field 'sead': unknown key; allowed: seed, output, common, files; did you mean",
            ),
            (
                lambda c: c["common"]["at_home"].update(normall=1),
                "field 'common.at_home.normall': unknown key; allowed: nor",
            ),
            (
                lambda c: c["common"]["at_home"].update(constant=1),
                "'common.at_home': found choice and constant, allowed",
            ),
            (lambda c: c["common"]["at_home"].update(choice={}), "found the weights [], allowed: at least one"),
            (lambda c: c["common"]["at_home"].update(choice={0: -1, 1: 2}), "found the weights [-1.0, 2.0]"),
            (lambda c: c["common"]["lat"].update(per="lon"), "found per with formula, cases or sequence"),
            (lambda c: c["common"]["seconds_remaining"]["integers"].update(low=99), "found low 99 and high 59"),
            (lambda c: c["files"][DEV].update(rows=0), "rows': found 0, allowed: greater than or equal to 1"),
            (
                lambda c: c["common"]["lat"].update(formula="loc_z / 1000"),
                "'lat' reads loc_z, allowed: first_year, went_",
            ),
            (lambda c: c["output"].append("shoe_size"), "'output' reads shoe_size, allowed"),
            (lambda c: c["common"]["loc_x"].update(formula="lon"), "found columns that read each other"),
            (lambda c: c["common"]["lat"].update(formula="1 +"), "formula '1 +': not an expression"),
            (
                lambda c: c["common"].update(shot_made_flag={"constant": 1}),
                "found 'shot_made_flag' as label and as colum",
            ),
            (lambda c: c["files"].pop(DEV), f"recipe: found no file '{DEV}', allowed: {PROD}"),
            (
                lambda c: c["common"]["lat"].update(formula="log(0 * loc_y)"),
                f"'{DEV}', column 'lat': found values that a",
            ),
            (
                lambda c: c["common"]["opponent"].update(type="integer"),
                "column 'opponent': found text values, allowed: int",
            ),
            (
                lambda c: c["files"][DEV]["label"].update(probability="2"),
                f"recipe, file '{DEV}', column 'shot_made_flag': found probabilities from 2 to 2, allowed: 0 to 1",
            ),
            (
                lambda c: c["common"]["game_number"]["cases"]["when"].pop(1),
                "no case for playoffs = 1, allowed: 0, or otherwise",
            ),
        ],
    )
    def test_a_wrong_recipe_is_refused_with_what_is_wrong(
        self,
        refusal: Callable[[Callable[[dict[str, Any]], Any]], str],
        change: Callable[[dict[str, Any]], Any],
        message: str,
    ) -> None:
        assert message in refusal(change)


@pytest.fixture(scope="module")
def kobe_recipe() -> Recipe:
    return load_recipe(KOBE)


@pytest.fixture(scope="module")
def tables(kobe_recipe: Recipe) -> dict[str, pa.Table]:
    """Both files as they are generated, by name."""
    return {name: generate(kobe_recipe, name) for name in (DEV, PROD)}


@pytest.fixture(scope="module")
def samples(tables: dict[str, pa.Table]) -> tuple[DataFrame, DataFrame]:
    return tables[DEV].to_pandas(), tables[PROD].to_pandas()


class TestKobeRecipe:
    def test_the_same_seed_gives_the_same_bytes_in_another_process(
        self, tables: dict[str, pa.Table], tmp_path: Path
    ) -> None:
        here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
        code = (
            "import sys; from pathlib import Path; from shotclock.sources.synthetic import *; "
            "from shotclock.files.storage import *;"
            f"write_table(generate(load_recipe(Path(sys.argv[1])), '{PROD}'), Path(sys.argv[2]))"
        )

        write_table(tables[PROD], here)
        subprocess.run([sys.executable, "-c", code, str(KOBE), str(there)], check=True)

        assert digest(here) == digest(there)

    def test_each_file_is_marked_with_its_name_seed_and_recipe(
        self, kobe_recipe: Recipe, tables: dict[str, pa.Table]
    ) -> None:
        for name, table in tables.items():
            mark = json.loads(table.schema.metadata[MARK])
            assert mark == {"file": name, "seed": kobe_recipe.seed, "recipe": kobe_recipe.digest()}

    def test_comments_do_not_change_the_recipe_s_digest_but_values_do(
        self, kobe_recipe: Recipe, tmp_path: Path
    ) -> None:
        (tmp_path / "noted.yaml").write_text("# a remark\n" + KOBE.read_text())
        (tmp_path / "changed.yaml").write_text(KOBE.read_text().replace("rows: 6426", "rows: 6427"))

        assert load_recipe(tmp_path / "noted.yaml").digest() == kobe_recipe.digest()
        assert load_recipe(tmp_path / "changed.yaml").digest() != kobe_recipe.digest()

    @pytest.mark.parametrize("name", [DEV, PROD])
    def test_rows_columns_types_and_nulls_are_those_of_the_real_file(
        self, tables: dict[str, pa.Table], dev_path: Path, prod_path: Path, name: str
    ) -> None:
        real = pq.read_table(dev_path if name == DEV else prod_path)
        sample = tables[name]

        columns = [field for field in real.schema if field.name != "__index_level_0__"]  # what pandas left in the file
        assert [(field.name, field.type) for field in sample.schema] == [(field.name, field.type) for field in columns]
        assert sample.num_rows == real.num_rows
        for field in columns:
            assert sample[field.name].null_count == real[field.name].null_count, field.name

    def test_geometry_follows_the_same_rules_as_in_the_real_files(
        self, samples: tuple[DataFrame, DataFrame], dev: DataFrame, prod: DataFrame
    ) -> None:
        for shots in (*samples, dev, prod):
            assert np.allclose(shots["lat"], 34.0443 - shots["loc_y"] / 1000, rtol=0, atol=1e-9)
            assert np.allclose(shots["lon"], shots["loc_x"] / 1000 - 118.2698, rtol=0, atol=1e-9)
            assert (shots["shot_distance"] == np.floor(np.hypot(shots["loc_x"], shots["loc_y"]) / 10)).all()

    def test_every_row_keeps_the_project_s_contract(self, samples: tuple[DataFrame, DataFrame], kobe) -> None:
        for shots in samples:
            assert shots[kobe.columns.target].dropna().isin([0.0, 1.0]).all()
            assert (to_datetime(shots[kobe.columns.time]).dt.strftime("%Y-%m-%d") == shots[kobe.columns.time]).all()
            for name, rule in kobe.columns.features.items():
                if rule.allowed is not None:
                    assert shots[name].isin(rule.allowed).all(), name
                if rule.min is not None and rule.max is not None:
                    assert shots[name].between(rule.min, rule.max).all(), name

    def test_ids_are_unique_over_both_files(self, samples: tuple[DataFrame, DataFrame]) -> None:
        ids = np.concatenate([shots["shot_id"] for shots in samples])

        assert len(np.unique(ids)) == 24_271 + 6_426

    def test_the_shots_of_one_game_agree_on_date_season_and_opponent(
        self, samples: tuple[DataFrame, DataFrame]
    ) -> None:
        for column in ("game_date", "season", "opponent", "matchup", "playoffs"):
            games = [shots.groupby("game_id")[column].agg(["nunique", "first"]) for shots in samples]
            assert all((each["nunique"] == 1).all() for each in games), column
            both = games[0].join(games[1], how="inner", lsuffix="_dev", rsuffix="_prod")
            assert (both["first_dev"] == both["first_prod"]).all(), column

    def test_no_row_of_the_real_files_is_repeated(
        self, samples: tuple[DataFrame, DataFrame], dev: DataFrame, prod: DataFrame
    ) -> None:
        keys = ["game_id", "game_event_id", "loc_x", "loc_y"]
        real = set(dev[keys].itertuples(index=False, name=None)) | set(prod[keys].itertuples(index=False, name=None))

        away = [shots[shots["shot_distance"] > 0] for shots in samples]  # thousands of shots lie exactly at the hoop
        drawn = {row for shots in away for row in shots[keys].itertuples(index=False, name=None)}

        assert len(drawn & real) <= 1  # as chance has it

    def test_success_rates_are_those_of_two_and_three_point_shots(self, samples: tuple[DataFrame, DataFrame]) -> None:
        dev_sample, prod_sample = samples

        assert dev_sample["shot_made_flag"].mean() == pytest.approx(0.4773, abs=0.01)
        assert prod_sample["shot_made_flag"].mean() == pytest.approx(0.3293, abs=0.01)

    def test_the_same_five_columns_drift_about_as_far_as_in_the_real_files(
        self, samples: tuple[DataFrame, DataFrame], dev: DataFrame, prod: DataFrame
    ) -> None:
        numbers = ["lat", "lon", "minutes_remaining", "period", "shot_distance"]
        sample = {name: _normed_wasserstein(*(shots[name] for shots in samples)) for name in numbers}
        real = {name: _normed_wasserstein(dev[name], prod[name]) for name in numbers}

        assert sample == pytest.approx(real, rel=0.2)
        assert min(sample.values()) > 0.1
        assert _jensen_shannon(*(shots["playoffs"] for shots in samples)) < 0.05

    @pytest.mark.parametrize(
        ("model", "on_prod"),
        [
            (DecisionTreeClassifier(max_depth=3, min_samples_leaf=100, random_state=0), (-0.04, -0.01)),
            (make_pipeline(StandardScaler(), LogisticRegression()), (0.0, 0.02)),
        ],
        ids=["tree", "logistic regression"],
    )
    def test_models_learn_a_little_on_dev_and_the_tree_is_misled_on_prod(
        self, samples: tuple[DataFrame, DataFrame], kobe, model: Any, on_prod: tuple[float, float]
    ) -> None:
        features = list(kobe.columns.features)
        dev_sample, prod_sample = (shots.dropna(subset="shot_made_flag") for shots in samples)

        held_out = cross_val_predict(
            model, dev_sample[features], dev_sample["shot_made_flag"], cv=5, method="predict_proba"
        )
        model.fit(dev_sample[features], dev_sample["shot_made_flag"])
        on_dev = _skill(dev_sample["shot_made_flag"], held_out)
        later = _skill(prod_sample["shot_made_flag"], model.predict_proba(prod_sample[features]))

        assert 0.015 < on_dev < 0.035
        assert on_prod[0] < later < on_prod[1]


def _normed_wasserstein(reference: Any, current: Any) -> float:
    return float(wasserstein_distance(reference, current) / reference.std())


def _jensen_shannon(reference: Any, current: Any) -> float:
    shares = [[1 - values.mean(), values.mean()] for values in (reference, current)]
    return float(jensenshannon(*shares, base=2))


def _skill(made: Any, probabilities: Any) -> float:
    return 1 - log_loss(made, probabilities) / log_loss(made, np.full(len(made), made.mean()))
