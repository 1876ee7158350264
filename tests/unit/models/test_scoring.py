"""Streaming batch inference."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.errors import ContractError, SourceError, StoreError
from shotclock.models import scoring
from shotclock.models.scoring import OUTPUTS
from shotclock.rows import labelling

ALGORITHMS = {
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "tree": lambda: make_pipeline(DecisionTreeClassifier(max_depth=4, random_state=0)),
}


@pytest.fixture(scope="module")
def models(dev_path, kobe):
    features = list(kobe.columns.features)
    rows = pd.read_parquet(dev_path, columns=[*features, kobe.columns.target]).dropna()
    labels = rows[kobe.columns.target].astype(int)
    return {name: make().fit(rows[features], labels) for name, make in ALGORITHMS.items()}


@pytest.fixture
def score(models, kobe, tmp_path):
    """Score a file or table with the logistic regression into a folder of its own; `options` change the call."""

    def call(source, name="out", model="logistic regression", **options):
        if isinstance(source, pa.Table):
            pq.write_table(source, tmp_path / "in.parquet")
            source = tmp_path / "in.parquet"
        target, quarantine = outputs(tmp_path / name)
        arguments = {"version": "3", "max_bad_share": 0.01, "columns": kobe.columns} | options
        return scoring.score_file(
            models.get(model, model), source=source, target=target, quarantine=quarantine, **arguments
        )

    return call


def outputs(folder):
    return folder / "resultado_pipeline.parquet", folder / "quarantine.parquet"


@pytest.fixture
def rows(prod_path):
    return pq.read_table(prod_path)


def changed(table, column, values):
    """The table with the first values of a column replaced, or all of it where an Arrow array is given."""
    place = table.schema.get_field_index(column)
    if isinstance(values, list):
        kind = table.schema.field(column).type
        values = pa.array([*values, *table[column].to_pylist()[len(values) :]], kind)
    return table.set_column(place, column, values)


def files(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# What comes out


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_production_shot_gets_the_models_probability_in_the_order_of_the_file(
    score, models, prod_path, tmp_path, name
):
    done = score(prod_path, model=name)
    given_rows, found = pd.read_parquet(prod_path), pd.read_parquet(tmp_path / "out" / "resultado_pipeline.parquet")
    features = list(models[name].feature_names_in_)
    kept = ["shot_id", "game_date", *features]
    assert list(found) == [*kept, "shot_made_flag", *OUTPUTS]
    np.testing.assert_array_equal(found.shot_made_flag, given_rows.shot_made_flag)
    pd.testing.assert_frame_equal(found[kept], given_rows[kept].reset_index(drop=True))
    np.testing.assert_allclose(found.probability, models[name].predict_proba(given_rows[features])[:, 1], rtol=1e-13)
    np.testing.assert_array_equal(found.prediction, (found.probability >= 0.5).astype(int))
    assert set(found.model_version) == {"3"}
    assert (done.rows, done.scored, done.quarantined, done.reasons) == (6426, 6426, 0, {})
    assert done.mean_probability == pytest.approx(found.probability.mean(), rel=1e-12)
    assert done.positive == found.prediction.sum()
    assert files(tmp_path / "out") == ["resultado_pipeline.parquet"]


def test_a_file_without_rows_gives_a_result_without_rows(score, rows, tmp_path):
    done = score(rows.slice(0, 0), "none")
    score(rows, "some")
    none, some = (pq.read_schema(outputs(tmp_path / name)[0]) for name in ("none", "some"))
    assert (done.rows, done.scored, none) == (0, 0, some)


def test_the_output_has_plain_types(score, rows, tmp_path):
    score(rows)
    schema = pq.read_schema(tmp_path / "out" / "resultado_pipeline.parquet")
    kinds = {name: str(schema.field(name).type) for name in ("shot_id", "game_date", *OUTPUTS)}
    assert kinds == {
        "shot_id": "int64",
        "game_date": "string",
        "probability": "double",
        "prediction": "int8",
        "model_version": "string",
    }


def test_unlabelled_rows_and_files_without_a_target_are_scored(score, rows, tmp_path):
    assert rows["shot_made_flag"].null_count == 1014
    score(rows, "with")
    score(rows.drop_columns(["shot_made_flag"]), "without")
    found = {name: pq.read_table(outputs(tmp_path / name)[0]) for name in ("with", "without")}
    assert found["with"].drop_columns(["shot_made_flag"]).equals(found["without"].drop_columns(["shot_made_flag"]))
    assert [table["shot_made_flag"].null_count for table in found.values()] == [1014, 6426]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_a_higher_threshold_never_gives_more_positives(score, rows, threshold):
    assert score(rows, threshold=threshold).positive >= score(rows, threshold=min(1.0, threshold + 0.1)).positive


def test_ids_of_text_and_times_of_every_kind_come_out_as_they_went_in(score, rows, tmp_path):
    texts = pc.binary_join_element_wise("shot", rows["shot_id"].cast(pa.string()), "-")
    days = rows["game_date"].cast(pa.date32())
    for name, kind in {"date": pa.date32(), "moment": pa.timestamp("us"), "text": pa.large_string()}.items():
        given_rows = changed(changed(rows, "shot_id", texts), "game_date", days.cast(kind))
        assert score(given_rows, name).scored == 6426
        found = pq.read_table(tmp_path / name / "resultado_pipeline.parquet")
        assert found["shot_id"].to_pylist() == texts.to_pylist()
        assert found["game_date"].to_pylist() == days.cast(kind).to_pylist()


def test_features_stored_as_float_or_small_integers_give_the_same_probabilities(score, rows, tmp_path):
    stored = changed(rows, "period", rows["period"].cast(pa.uint8()))
    stored = changed(stored, "shot_distance", rows["shot_distance"].cast(pa.float64()))
    score(rows, "a")
    score(stored, "b")
    a, b = (pq.read_table(outputs(tmp_path / name)[0]) for name in "ab")
    assert a["probability"].equals(b["probability"])
    assert a.schema == b.schema


# The same, whatever the batches and threads


def test_a_rerun_gives_the_same_bytes(score, rows, tmp_path):
    results = []
    for name in ("a", "b", "c"):
        score(changed(rows, "lat", [None, 1e9]), name, batch_rows=500)
        results.append([path.read_bytes() for path in outputs(tmp_path / name)])
    assert results[0] == results[1] == results[2]


def test_scoring_in_batches_equals_scoring_at_once(score, rows, tmp_path):
    some = rows.slice(0, 40).take([*range(40), 5, 39])  # the last two ids stand twice
    some = changed(some, "lon", [None, float("inf")])
    whole = {name: score(some, name, max_bad_share=0.1, model=name) for name in ALGORITHMS}
    for each in whole.values():
        assert each.reasons == {"shot_id: repeated": 2, "lon: infinite": 1, "lon: null": 1}

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 50), st.integers(1, 50), st.sampled_from(list(ALGORITHMS)))
    def cut_anyhow(batch_rows, group_rows, name):
        pq.write_table(some, tmp_path / "groups.parquet", row_group_size=group_rows)
        cut = score(tmp_path / "groups.parquet", "cut", batch_rows=batch_rows, max_bad_share=0.1, model=name)
        for a, b in zip(outputs(tmp_path / name), outputs(tmp_path / "cut"), strict=True):
            assert pq.read_table(a).equals(pq.read_table(b))
        assert cut.mean_probability == pytest.approx(whole[name].mean_probability, rel=1e-12)
        assert (cut.rows, cut.reasons, cut.positive) == (whole[name].rows, whole[name].reasons, whole[name].positive)

    cut_anyhow()


def test_few_batches_are_under_way_at_a_time_however_many_there_are():
    started, ended, ahead = [], [], []

    def batches():
        for number in range(200):
            started.append(number)
            yield pa.record_batch({"x": [number]})

    for result in scoring._in_order(lambda start, batch: (start, batch["x"][0].as_py()), batches()):
        ended.append(result)
        ahead.append(len(started) - len(ended))
    assert ended == [(number, number) for number in range(200)]
    workers = min(len(os.sched_getaffinity(0)), scoring.MOST_WORKERS)
    assert max(ahead) <= scoring.READ_AHEAD + workers + 2


# Partitions


@pytest.mark.parametrize("group_rows", [1, 37, 300, 1000])
@pytest.mark.parametrize("at_most", [1, 100, 299, 5000])
def test_partitions_are_whole_row_groups_that_follow_each_other_and_hold_every_row_once(
    rows, tmp_path, group_rows, at_most
):
    pq.write_table(rows.slice(0, 300), tmp_path / "in.parquet", row_group_size=group_rows)
    cut = scoring.partitions(tmp_path / "in.parquet", at_most)
    assert [part.number for part in cut] == list(range(len(cut))) and {part.of for part in cut} == {len(cut)}
    groups = [group for part in cut for group in part.groups]
    assert groups == list(range(pq.read_metadata(tmp_path / "in.parquet").num_row_groups))
    assert [part.start for part in cut] == [sum(part.rows for part in cut[:number]) for number in range(len(cut))]
    assert sum(part.rows for part in cut) == 300
    assert all(part.rows <= at_most or len(part.groups) == 1 for part in cut)


# Who scores beside


@pytest.fixture
def shadow(models, kobe, tmp_path):
    """The tree, which scores beside the logistic regression into the folder of this name."""
    return lambda name="out": scoring.Shadow.of(models["tree"], kobe.columns, "2", tmp_path / name / "shadow.parquet")


def test_a_shadow_scores_the_same_rows_and_leaves_the_result_its_bytes(score, models, shadow, rows, tmp_path):
    bad = changed(rows, "lat", [1e9, 34.0, 1e9])
    alone, done = score(bad, "alone"), score(bad, shadow=shadow(), batch_rows=1000)
    score(bad, "again", shadow=shadow("again"), batch_rows=7)
    assert (done.rows, done.scored, done.quarantined) == (alone.rows, alone.scored, alone.quarantined)
    results = [pq.read_table(tmp_path / name / "resultado_pipeline.parquet") for name in ("alone", "out", "again")]
    assert results[0].equals(results[1]) and results[0].equals(results[2])
    published, beside = results[1], pq.read_table(tmp_path / "out" / "shadow.parquet")
    assert beside.column_names == ["shot_id", "probability", "model_version"]
    assert beside["shot_id"] == published["shot_id"]
    assert set(beside["model_version"].to_pylist()) == {"2"}
    features = published.select(list(models["tree"].feature_names_in_)).to_pandas()
    np.testing.assert_allclose(beside["probability"], models["tree"].predict_proba(features)[:, 1], rtol=1e-13)
    assert pq.read_table(tmp_path / "again" / "shadow.parquet").equals(beside)


def test_of_a_share_it_scores_the_rows_of_the_sample_that_is_judged(score, shadow, rows, tmp_path):
    score(rows, "all", shadow=shadow("all"))
    score(rows, "some", shadow=replace(shadow("some"), share=0.25, seed=42), batch_rows=100)
    everything, some = (pq.read_table(tmp_path / name / "shadow.parquet") for name in ("all", "some"))
    sample = labelling.sample(everything.to_batches(), "shot_id", share=0.25, seed=42)
    assert some.equals(sample.combine_chunks()) and 0.2 < some.num_rows / everything.num_rows < 0.3


def test_the_result_has_the_same_bytes_with_a_shadow_and_the_shadows_file_too_each_time(score, shadow, rows, tmp_path):
    score(rows, "alone")
    for name in ("out", "again"):
        score(rows, name, shadow=shadow(name))
    for file, names in (
        ("resultado_pipeline.parquet", ("alone", "out", "again")),
        ("shadow.parquet", ("out", "again")),
    ):
        assert len({(tmp_path / name / file).read_bytes() for name in names}) == 1


def test_a_file_that_is_refused_leaves_none_of_the_shadow_either(score, shadow, rows, tmp_path):
    with pytest.raises(ContractError):
        score(changed(rows, "lat", [1e9] * 1000), shadow=shadow())
    assert files(tmp_path / "out") == ["quarantine.parquet"]


def test_a_shadow_of_other_columns_is_refused_before_it_scores(models, kobe, tmp_path):
    with pytest.raises(StoreError, match="was fitted on the columns"):
        scoring.Shadow.of(models["tree"].steps[0][1], kobe.columns.model_copy(update={"features": {}}), "2", tmp_path)


@pytest.fixture
def score_parts(models, kobe, tmp_path):
    """Score a file partition by partition; gives each one's summary and the two tables that they make together."""

    def call(source, at_most, **options):
        repeated = scoring.repeated_rows(source, kobe.columns)["row"].to_numpy()
        done, tables = [], ([], [])
        for part in scoring.partitions(source, at_most):
            paths = outputs(tmp_path / "parts" / str(part.number))
            arguments = {"partition": part, "repeated": repeated, "version": "3"} | options
            done.append(
                scoring.score_partition(models["logistic regression"], kobe.columns, source, *paths, **arguments)
            )
            for path, found in zip(paths, tables, strict=True):
                found.extend([pq.read_table(path)] if path.exists() else [])
        return done, [pa.concat_tables(found) for found in tables]

    return call


def test_partitions_make_the_rows_of_the_whole_file_also_where_an_id_stands_in_two_of_them(
    score, score_parts, rows, tmp_path
):
    some = rows.slice(0, 300).take(
        pa.array([*range(299, -1, -1), 5, 299])
    )  # ids that fall, the last two for the second time
    some = changed(some, "lon", [None, float("inf")])
    whole = score(some, "whole", max_bad_share=0.1)
    assert whole.reasons == {"shot_id: repeated": 2, "lon: infinite": 1, "lon: null": 1}

    @settings(max_examples=10, deadline=None)
    @given(st.integers(20, 400), st.integers(1, 400))
    def cut_anyhow(group_rows, at_most):
        pq.write_table(some, tmp_path / "groups.parquet", row_group_size=group_rows)
        done, tables = score_parts(tmp_path / "groups.parquet", at_most)
        for path, table in zip(outputs(tmp_path / "whole"), tables, strict=True):
            assert pq.read_table(path).equals(table)
        merged = scoring.merged(done)
        assert merged.mean_probability == pytest.approx(whole.mean_probability, rel=1e-12)
        assert (merged.rows, merged.reasons, merged.positive) == (whole.rows, whole.reasons, whole.positive)

    cut_anyhow()


def test_a_partition_without_a_good_row_leaves_its_quarantine_alone(score_parts, rows, tmp_path):
    pq.write_table(changed(rows.slice(0, 90), "lat", [None] * 30), tmp_path / "in.parquet", row_group_size=30)
    done, _ = score_parts(tmp_path / "in.parquet", 30)
    assert [part.scored for part in done] == [0, 30, 30]
    assert files(tmp_path / "parts" / "0") == ["quarantine.parquet"]
    assert files(tmp_path / "parts" / "1") == ["resultado_pipeline.parquet"]


def test_a_file_that_was_changed_after_it_was_cut_is_refused(models, kobe, rows, tmp_path):
    source = tmp_path / "in.parquet"
    pq.write_table(rows.slice(0, 90), source, row_group_size=30)
    cut = scoring.partitions(source, 30)
    pq.write_table(rows.slice(0, 60), source, row_group_size=30)
    arguments = {"partition": cut[1], "repeated": np.empty(0, np.int64), "version": "3"}
    with pytest.raises(SourceError, match=r"in\.parquet: found 60 rows, expected 90 as when it was cut"):
        scoring.score_partition(models["tree"], kobe.columns, source, *outputs(tmp_path / "out"), **arguments)
    assert files(tmp_path / "out") == []


# Rows that break the contract


def test_bad_rows_go_to_quarantine_and_the_others_are_scored(score, rows, tmp_path):
    done = score(changed(changed(rows, "lat", [float("inf"), None]), "period", [1, 1, 99]))
    assert (done.rows, done.scored, done.quarantined) == (6426, 6423, 3)
    assert done.reasons == {"lat: infinite": 1, "lat: null": 1, "period: above 12": 1}
    target, quarantine = map(pq.read_table, outputs(tmp_path / "out"))
    assert quarantine["reason"].to_pylist() == ["lat: infinite", "lat: null", "period: above 12"]
    ids = rows["shot_id"].to_pylist()
    assert (quarantine["shot_id"].to_pylist(), target["shot_id"].to_pylist()) == (ids[:3], ids[3:])


def test_too_many_bad_rows_fail_the_run_and_are_set_aside(score, rows, tmp_path):
    message = r"in\.parquet: found 65 of 6,426 rows \(1\.01%\).*column 'lon': 65 infinite, such as lon -inf in .*set aside in "
    with pytest.raises(ContractError, match=message):
        score(changed(rows, "lon", [float("-inf")] * 65))
    with pytest.raises(ContractError, match=r"^june\.csv: found 65 of 6,426 rows"):
        score(changed(rows, "lon", [float("-inf")] * 65), shown="june.csv")
    assert pq.read_table(outputs(tmp_path / "out")[1])["reason"].to_pylist() == ["lon: infinite"] * 65
    assert files(tmp_path / "out") == ["quarantine.parquet"]


def test_too_many_bad_rows_leave_what_was_published_as_it_was(score, rows, tmp_path):
    score(rows)
    before = outputs(tmp_path / "out")[0].read_bytes()
    with pytest.raises(ContractError, match=r"65 infinite.*in the project file$"):
        score(changed(rows, "lon", [float("-inf")] * 65))
    assert outputs(tmp_path / "out")[0].read_bytes() == before
    assert files(tmp_path / "out") == ["resultado_pipeline.parquet"]


def test_the_quarantine_of_an_earlier_try_goes_when_there_is_none_now(score, rows, tmp_path):
    score(changed(rows, "lat", [None]))
    assert files(tmp_path / "out") == ["quarantine.parquet", "resultado_pipeline.parquet"]
    score(rows)
    assert files(tmp_path / "out") == ["resultado_pipeline.parquet"]


def test_a_file_without_one_good_row_is_refused(score, rows, tmp_path):
    with pytest.raises(ContractError, match="found no rows, expected at least one"):
        score(changed(rows.slice(0, 3), "lat", [None] * 3), max_bad_share=1.0)
    assert files(tmp_path / "out") == ["quarantine.parquet"]


# Files that cannot be scored


def refused(score, source, error, message, tmp_path):
    with pytest.raises(error, match=message):
        score(source)
    assert files(tmp_path / "out") == []


def test_a_missing_file_is_named(score, tmp_path):
    refused(score, tmp_path / "gone.parquet", SourceError, r"gone\.parquet: no such file", tmp_path)


def test_a_truncated_file_is_named(score, prod_path, tmp_path):
    path = tmp_path / "half.parquet"
    path.write_bytes(prod_path.read_bytes()[:90_000])
    refused(score, path, SourceError, r"half\.parquet: not a readable parquet file .*; fetch it again", tmp_path)


def test_a_file_damaged_in_its_last_row_group_is_named_and_nothing_of_it_is_kept(score, rows, tmp_path):
    path = tmp_path / "damaged.parquet"
    pq.write_table(rows, path, row_group_size=1000, compression="none", use_dictionary=False)
    group = pq.read_metadata(path).row_group(6)
    places = {group.column(i).path_in_schema: group.column(i).data_page_offset for i in range(group.num_columns)}
    content = bytearray(path.read_bytes())
    content[places["lat"] : places["lat"] + 64] = bytes(64)
    path.write_bytes(content)
    refused(score, path, SourceError, r"damaged\.parquet: not a readable parquet file", tmp_path)


def test_a_renamed_column_is_named_with_the_file(score, rows, tmp_path):
    renamed = rows.rename_columns({"shot_distance": "shot_dist"})
    message = r"in\.parquet: column 'shot_distance' is missing; near to it: shot_dist"
    refused(score, renamed, ContractError, message, tmp_path)


def test_a_wrong_type_is_named_with_the_file(score, rows, tmp_path):
    wrong = changed(rows, "lat", rows["lat"].cast(pa.string()))
    refused(score, wrong, ContractError, r"in\.parquet: column 'lat': found type string, expected a number", tmp_path)


def test_a_model_of_other_columns_is_refused_before_anything_is_read(score, tmp_path):
    frame = pd.DataFrame({"lat": [1.0, 2.0], "other": [1.0, 2.0]})
    with pytest.raises(StoreError, match=r"model version 3: was fitted on the columns \['lat', 'other'\]"):
        score(tmp_path / "gone.parquet", model=LogisticRegression().fit(frame, [0, 1]))


# Failures on the way


class Failing(ClassifierMixin, BaseEstimator):
    """A model that breaks at one batch."""

    def __init__(self, features, at):
        self.feature_names_in_, self.classes_, self.at, self.calls = features, [0, 1], at, 0

    def predict_proba(self, frame):
        self.calls += 1
        if self.calls >= self.at:
            raise ZeroDivisionError("the model broke")
        return np.full((len(frame), 2), 0.5)


@pytest.mark.parametrize("at", [1, 30])
def test_an_error_in_a_thread_is_raised_as_itself_and_its_threads_have_ended(score, rows, kobe, tmp_path, at):
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError, match="the model broke"):
        score(rows, model=Failing(list(kobe.columns.features), at), batch_rows=100)
    assert threading.active_count() <= before  # others' threads may have ended meanwhile
    assert files(tmp_path / "out") == []


def test_a_full_disk_is_not_blamed_on_the_source(score, rows, tmp_path, monkeypatch):
    before = threading.active_count()

    def write(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scoring._Output, "write", write)
    with pytest.raises(OSError, match="No space left") as caught:
        score(rows, batch_rows=100)
    assert not isinstance(caught.value, SourceError)
    assert threading.active_count() <= before  # others' threads may have ended meanwhile
    assert files(tmp_path / "out") == []


def test_scoring_loads_no_library_that_it_does_not_need():
    code = (
        "import sys, shotclock.models.scoring; print({'pycaret', 'evidently', 'mlflow', 'airflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
