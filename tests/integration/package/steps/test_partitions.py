"""A batch scored by partitions: the same rows, marks, figures and verdicts as in one file."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock import config, flows
from shotclock.config import settings
from shotclock.errors import ContractError
from shotclock.files import dataset, storage
from shotclock.steps import inference, intake, monitoring
from shotclock.store import queries, records, window
from shotclock.store.run import Run

S1, M1 = Run("shots", "inference", "s1"), Run("shots", "monitoring", "m1")
LABELS = ["shot_id", "shot_made_flag"]


@pytest.fixture
def change(at):
    """`change(scoring={"partition_rows": 900})`: other rules in the project file."""

    def write(**sections):
        from yaml import safe_dump, safe_load

        path = settings().projects / "shots.yaml"
        rules = safe_load(path.read_text("utf-8"))
        for name, values in sections.items():
            rules[name] = rules.get(name, {}) | values
        path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
        config.project.cache_clear()

    return write


@pytest.fixture
def raw(prod_path):
    """The production rows, some of them bad in partitions of their own, some twice, and a function that writes them."""
    rows = pq.read_table(prod_path)
    rows = rows.take(pa.array([*range(rows.num_rows), 5, 3000]))
    place = rows.schema.get_field_index("lat")
    lat = rows["lat"].to_numpy().copy()
    lat[[10, 11, 4000]] = 1e9
    return rows.set_column(place, rows.schema.field("lat"), pa.array(lat))


def put(rows, group_rows=500, name="given.parquet"):
    pq.write_table(rows, settings().data / "raw" / name, row_group_size=group_rows)
    return name


def folder():
    return settings().data / "shots" / "predictions"


def parts(rows, **options):
    """The items that are scored each by itself."""
    return intake.validate_batches(S1, intake.ingest_batches(S1, put(rows, **options)))


def scored(items):
    return [inference.score(S1, item) for item in items]


# The result


def test_a_large_file_is_scored_by_partitions_with_the_rows_of_one_file(at, change, raw, stored_runs):
    at("trained")
    whole = flows.score("shots", "s0", path=put(raw))
    tables = [pq.read_table(folder() / name) for name in ("resultado_pipeline.parquet", "quarantine.parquet")]
    change(scoring={"partition_rows": 2000})
    done = flows.score("shots", "s1", path="given.parquet")
    assert (done.rows, done.batches) == (whole.rows, whole.batches) == (6_423, (1,))
    cut = [pq.read_table(folder() / name) for name in ("resultado_pipeline.parquet", "quarantine.parquet")]
    assert [table.equals(other) for table, other in zip(tables, cut, strict=True)] == [True, True]
    assert sorted(cut[1]["reason"].to_pylist()) == [*["lat: above 36"] * 3, *["shot_id: repeated"] * 2]

    parted, one = stored_runs("application")
    assert parted.data.metrics == pytest.approx(one.data.metrics, rel=1e-12)
    assert parted.data.params == one.data.params | {"partitions": "4"}
    assert parted.data.tags["shotclock.sha256.predictions"] == dataset.digest(folder() / "resultado_pipeline.parquet")


def test_a_file_that_is_not_above_the_limit_stays_one_file(at, change, prod_path):
    at("trained")
    change(scoring={"partition_rows": 6_426})
    flows.score("shots", "s1", path=put(pq.read_table(prod_path)))
    assert (folder() / "resultado_pipeline.parquet").is_file()


def test_a_try_under_another_rule_of_cutting_takes_the_place_of_the_one_before(at, change, raw):
    at("trained")
    for limit, is_file in ((10_000, True), (4000, False), (10_000, True)):
        change(scoring={"partition_rows": limit})
        flows.score("shots", "s1", path=put(raw))
        assert (folder() / "resultado_pipeline.parquet").is_file() == is_file
        assert pq.read_table(folder() / "resultado_pipeline.parquet").num_rows == 6_423
        assert pq.read_table(folder() / "quarantine.parquet").num_rows == 5


# Tries, and what readers see


def test_nothing_is_there_before_the_last_partition_is(at, change, raw):
    at("trained")
    change(scoring={"partition_rows": 3000})
    done = scored(parts(raw))
    (result,) = settings().data.glob("shots/runs/inference/s1/resultado_pipeline.parquet")
    assert not dataset.is_there(result)
    assert not folder().exists()
    inference.publish(S1, done)
    assert dataset.is_there(folder() / result.name)


def test_a_second_try_of_one_partition_writes_its_file_alone_and_the_same_bytes(at, change, raw, files):
    at("trained")
    change(scoring={"partition_rows": 3000})
    items = parts(raw)
    done = scored(items)
    run = settings().data / "shots" / "runs" / "inference" / "s1"
    before, written = files(run), {path: path.stat().st_mtime_ns for path in run.rglob("part-*")}
    assert inference.score(S1, items[1]) == done[1]
    assert files(run) == before
    rewritten = {path.name for path, at_first in written.items() if path.stat().st_mtime_ns != at_first}
    assert rewritten == {dataset.part_name(1, items[1].cut.key)}


def test_all_partitions_are_scored_by_the_champion_of_their_validation_and_a_later_one_replaces_all_at_once(
    at, change, prod_path
):
    at("rested")
    change(scoring={"partition_rows": 4000})
    items = parts(pq.read_table(prod_path))
    inference.publish(S1, scored([replace(item, cut=replace(item.cut, version="1", key="before")) for item in items]))
    result = folder() / "resultado_pipeline.parquet"
    assert set(pq.read_table(result)["model_version"].to_pylist()) == {"1"}
    done = scored(items)
    assert {file.name.split("-")[2] for file in dataset.files(result)} == {"before.parquet"}
    inference.publish(S1, done)
    assert set(pq.read_table(result)["model_version"].to_pylist()) == {"2"}
    assert len(list(result.glob("*.parquet"))) == 2


def test_bad_rows_are_judged_over_the_whole_file_and_not_over_a_partition(at, change, prod_path, published):
    at("trained")
    change(scoring={"partition_rows": 500})
    table = pq.read_table(prod_path)
    place = table.schema.get_field_index("lat")

    def bad(count):
        lat = table["lat"].to_numpy().copy()
        lat[:count] = 1e9  # all of the first partition is 8 %, so only the whole can tell
        return table.set_column(place, table.schema.field("lat"), pa.array(lat))

    change(quarantine={"production": 0.08})
    flows.score("shots", "s1", path=put(bad(500)))
    assert pq.read_table(folder() / "resultado_pipeline.parquet").num_rows == 5_926
    before = published()
    with pytest.raises(
        ContractError, match=r"found 600 of 6,426 rows \(9\.34%\).*at most 8\.00%: column 'lat': 600 above"
    ):
        flows.score("shots", "s2", path=put(bad(600), name="worse.parquet"))
    assert published() == before


def test_too_many_repeated_ids_end_the_run_before_anything_is_scored(at, change, prod_path):
    at("trained")
    change(scoring={"partition_rows": 3000})
    rows = pq.read_table(prod_path)
    with pytest.raises(ContractError, match=r"found 100 of 6,526 rows.*column 'shot_id': 100 repeated"):
        parts(pa.concat_tables([rows, rows.slice(0, 100)]))


# Monitoring


def judged(number):
    """Both verdicts with all their figures, and what a retraining would see as recent rows."""
    run = Run("shots", "monitoring", f"m{number}")
    drifted, performed = monitoring.drift_check(run), monitoring.performance_check(run)
    figures = [queries.newest("shots", kind)[0].record.figures for kind in (records.Drift, records.Performance)]
    said = [(found.verdict, found.reason) for found in (drifted, performed)]
    return said, figures, window.recent_rows("shots").rows.to_pydict()


@pytest.mark.parametrize("max_rows", [2000])
def test_verdicts_are_those_on_the_whole_file_however_it_is_cut(at, change, raw, max_rows):
    at("trained")
    change(drift={"max_rows": max_rows}, retraining={"recent_rows": 1700})
    found = []
    for number, (limit, group_rows) in enumerate([(10_000, 7000), (3000, 900), (1000, 300)]):
        change(scoring={"partition_rows": limit})
        flows.score("shots", f"s{number}", path=put(raw, group_rows, "given.parquet"))
        found.append(judged(number))
    assert found[0] == found[1] == found[2]
    assert [verdict for verdict, _ in found[0][0]] == ["alert", "alert"]


def performance(number):
    run = Run("shots", "monitoring", f"m{number}")
    found = monitoring.performance_check(run)
    return (found.verdict, found.reason), queries.newest("shots", records.Performance)[0].record.figures


def test_a_window_above_the_sample_is_measured_on_all_its_labelled_rows(at, change, raw):
    at("trained")
    flows.score("shots", "s1", path=put(raw))
    exact = judged(1)
    change(drift={"max_rows": 2000})
    tallied = judged(2)
    assert tallied[1][0]["drift_rows_current"] < 2200
    assert tallied[1][1]["rows"] == exact[1][1]["rows"] == 5_409
    for name in ("log_loss", "log_loss_skill", "f1", "accuracy", "roc_auc", "calibration_error"):
        assert tallied[1][1][name] == pytest.approx(exact[1][1][name], abs=1e-7), name


@pytest.mark.parametrize("at_once", [500, 4_000_000])
def test_labels_that_come_later_are_joined_and_the_latest_counts(at, change, raw, monkeypatch, at_once):
    monkeypatch.setattr("shotclock.store.window.labels._LABELS_AT_ONCE", at_once)
    at("trained")
    change(drift={"max_rows": 2000}, scoring={"partition_rows": 3000}, data={"labels": "late"})
    flows.score("shots", "s1", path=put(raw))
    before = performance(1)
    late = settings().data / "raw" / "late"
    late.mkdir()
    labels = raw.slice(0, 6_000).select(LABELS)
    values = labels["shot_made_flag"].to_numpy(zero_copy_only=False)
    known = ~np.isnan(values)
    wrong = pa.table({"shot_id": labels["shot_id"], "shot_made_flag": pa.array(1 - values, mask=~known)})
    pq.write_table(wrong, late / "a.parquet")
    pq.write_table(labels, late / "b.parquet")  # takes the first one back
    assert performance(2) == before
    (late / "b.parquet").unlink()
    assert performance(3)[1]["accuracy"] < 0.5 < before[1]["accuracy"]


def test_a_large_file_without_labels_waits_for_them(at, change, raw):
    at("trained")
    change(drift={"max_rows": 2000}, scoring={"partition_rows": 3000}, data={"labels": "late"})
    flows.score("shots", "s1", path=put(raw.drop_columns(["shot_made_flag"])))
    assert performance(1)[0] == ("insufficient data", "0 labelled rows, 1,000 are needed")
    (settings().data / "raw" / "late").mkdir()
    pq.write_table(raw.select(LABELS), settings().data / "raw" / "late" / "a.parquet")
    (verdict, _), figures = performance(2)
    assert (verdict, figures["rows"]) == ("alert", 5_409)


def test_the_marker_names_the_parts_with_their_rows_and_digests(at, change, raw):
    at("trained")
    change(scoring={"partition_rows": 3000})
    flows.score("shots", "s1", path=put(raw))
    result = folder() / "resultado_pipeline.parquet"
    told = json.loads((result / dataset.MARKER).read_text("utf-8"))
    assert told["rows"] == 6_423
    found = [(pq.read_metadata(file).num_rows, storage.digest(file)) for file in dataset.files(result)]
    assert [(part["rows"], part["sha256"]) for part in told["parts"]] == found
