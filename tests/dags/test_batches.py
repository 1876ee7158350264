"""Batches over time in the DAGs: a folder of files, and labels that come later."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.files import storage
from shotclock.store import queries
from shotclock.store.records import Performance


@pytest.fixture
def folder(at):
    """The project `shots` with folders of batches and of labels, and what the stage has trained."""

    def lay_out(stage):
        at(stage)
        path = settings().projects / "shots.yaml"
        rules = safe_load(path.read_text("utf-8"))
        rules["data"] |= {"batches": "arrivals", "labels": "late"}
        path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
        config.project.cache_clear()
        (settings().data / "raw" / "arrivals").mkdir()
        return settings().data / "raw" / "arrivals"

    return lay_out


def halves(prod_path):
    rows = pq.read_table(prod_path)
    return rows.slice(0, 3213), rows.slice(3213)


def test_monitoring_runs_after_predictions_or_after_labels_either_alone(bag, projects):
    condition = bag().dags["kobe_shots.monitoring"].timetable.asset_condition
    assert type(condition).__name__ == "AssetAny"
    assert {asset.name for asset in condition.objects} == {"kobe_shots/predictions", "kobe_shots/labels"}


def test_each_new_file_is_one_mapped_task_and_nothing_new_ends_as_skipped(folder, run, prod_path):
    arrivals = folder("trained")
    for name, rows in zip(("2007", "2016"), halves(prod_path), strict=True):
        storage.write_table(rows, arrivals / f"{name}.parquet")
    found = run("inference")
    assert found.states["score[2007.parquet]"] == found.states["score[2016.parquet]"] == "success"
    assert found.events()["shots/predictions"] == {"rows": 6426, "version": "1", "batches": [1, 2]}
    again = run("inference")
    assert again.state == "success"
    assert again.states["publish"] == "skipped"
    assert again.events() == {}


def test_a_large_file_is_one_mapped_task_for_each_partition_and_publish_says_what_they_make(folder, run, prod_path):
    arrivals = folder("trained")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8") + "scoring: {partition_rows: 3000}\n", "utf-8")
    config.project.cache_clear()
    pq.write_table(pq.read_table(prod_path), arrivals / "large.parquet", row_group_size=1000)
    storage.write_table(halves(prod_path)[1].slice(0, 10), arrivals / "small.parquet")
    found = run("inference")
    mapped = [f"score[large.parquet {number}/3]" for number in (1, 2, 3)]
    assert {found.states[task] for task in [*mapped, "score[small.parquet]"]} == {"success"}
    assert found.events()["shots/predictions"] == {"rows": 6436, "version": "1", "batches": [1, 2]}
    assert found.xcom("validate", "summary").count("scored in 3 partitions") == 1
    shown = settings().data / "shots" / "predictions"
    assert pq.read_table(shown / "large" / "resultado_pipeline.parquet").num_rows == 6426
    assert run("monitoring").xcom("performance_check")["verdict"] == "alert"


def test_a_partition_that_fails_leaves_what_was_published_and_its_second_try_finishes_the_run(
    folder, run, prod_path, monkeypatch
):
    from shotclock.models import scoring

    arrivals, whole = folder("alerted"), scoring.score_partition
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8") + "scoring: {partition_rows: 3000}\n", "utf-8")
    config.project.cache_clear()
    pq.write_table(pq.read_table(prod_path).slice(1), arrivals / "large.parquet", row_group_size=1000)
    shown = settings().data / "shots" / "predictions"
    before = shown.readlink()

    def breaks(*args, **options):
        if options["partition"].number == 1:
            raise OSError(28, "No space left on device")
        return whole(*args, **options)

    monkeypatch.setattr(scoring, "score_partition", breaks)
    failed = run("inference")
    assert (failed.states["score[large.parquet 2/3]"], failed.states["publish"]) == ("failed", "upstream_failed")
    assert (shown.readlink(), failed.events()) == (before, {})


def test_without_a_champion_a_folder_of_batches_waits_and_no_task_fails(folder, run, prod_path):
    storage.write_table(halves(prod_path)[0], folder("empty") / "2007.parquet")
    found = run("inference")
    assert (found.state, found.states["publish"]) == ("success", "skipped")
    assert "failed" not in found.states.values()


def test_labels_that_come_later_have_the_window_judged_again(folder, run, prod_path, bag):
    arrivals = folder("trained")
    rows = pq.read_table(prod_path)
    storage.write_table(rows.drop_columns(["shot_made_flag"]), arrivals / "all.parquet")
    run("inference")
    before = run("monitoring")
    assert before.xcom("performance_check")["verdict"] == "insufficient data"
    assert before.states["degradation_sensor"] == "skipped"

    labels = rows.select(["shot_id", "shot_made_flag"])
    storage.write_table(
        labels.filter(pa.array(labels["shot_made_flag"].is_valid())), arrivals.parent / "late" / "a.parquet"
    )
    after = run("monitoring", by="asset_triggered")
    assert after.xcom("performance_check")["verdict"] == "alert"
    assert after.xcom("performance_check")["window"] == before.xcom("performance_check")["window"]
    assert after.events()["shots/degradation_alert"]["champion"] == "1"
    summary = after.xcom("performance_check", "summary")
    assert "where labels have come it is off by +0.0" in summary
    assert queries.newest("shots", Performance)[0].record.figures["estimate_log_loss_error"] > 0
