"""Bringing data in: the right file, its rows examined; production files entered once."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.config import settings
from shotclock.errors import ContractError, SourceError
from shotclock.files import storage
from shotclock.files.storage import write_table
from shotclock.handoff import Batch
from shotclock.sources import synthetic
from shotclock.steps import intake
from shotclock.steps.inference import RESULT
from shotclock.store import history, queries
from shotclock.store.intake import ledger
from shotclock.store.records import Application
from shotclock.store.run import Run

RUN = Run("shots", "training", "t1")


def change(**sections):
    """Change the project file."""
    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    for name, values in sections.items():
        rules[name] = rules[name] | values
    path.write_text(safe_dump(rules, sort_keys=False), "utf-8")
    config.project.cache_clear()


def test_the_projects_own_file_is_found_and_known_by_its_digest(at, kobe):
    folder = at("empty")
    found = intake.ingest(RUN, "training")
    assert found.path == str(folder / "data" / "raw" / "dataset_kobe_dev.parquet")
    assert (found.rows, found.synthetic) == (24_271, False)
    assert found.sha256 == kobe.data.sha256["dataset_kobe_dev.parquet"]
    assert "real data" in found.summary


def test_a_file_may_be_named_below_the_raw_folder_or_by_its_address(at, dev, put):
    folder = at("empty")
    name = put(dev.head(10))
    for path in (name, str(folder / "data" / "raw" / name)):
        assert intake.ingest(RUN, "training", path).rows == 10


def test_a_synthetic_sample_is_labelled_loudly(at, kobe, caplog):
    at("empty")
    recipe = synthetic.load_recipe(config.settings({}).home / "include" / "synthetic" / "kobe_shots.yaml")
    write_table(synthetic.generate(recipe, "dataset_kobe_dev.parquet"), settings().data / "raw" / "sample.parquet")
    found = intake.ingest(RUN, "training", "sample.parquet")
    assert found.synthetic is True
    assert "SYNTHETIC SAMPLE" in found.summary
    assert "SYNTHETIC" in caplog.text


def test_every_row_of_dev_keeps_the_contract(at):
    at("empty")
    found = intake.validate(RUN, intake.ingest(RUN, "training"))
    assert found.quarantined == 0
    assert pq.read_metadata(found.valid).num_rows == 24_271


def test_bad_rows_below_the_projects_share_are_set_aside_with_their_reason(at, dev, put):
    at("empty")
    change(quarantine={"training": 0.01})
    dev.loc[5, "lat"] = float("inf")
    found = intake.validate(RUN, intake.ingest(RUN, "training", put(dev.head(200))))
    aside = pq.read_table(intake.folder_of(RUN) / "quarantine.parquet")
    assert aside.select(["shot_id", "reason"]).to_pylist() == [
        {"shot_id": dev.loc[5, "shot_id"], "reason": "lat: infinite"}
    ]
    assert found.quarantined == 1
    assert "- lat: infinite: 1" in found.summary


def test_bad_rows_above_the_share_end_the_run(at, dev, put):
    at("empty")
    dev.loc[[5, 9], "lat"] = float("inf")
    source = intake.ingest(RUN, "training", put(dev.head(200)))
    with pytest.raises(
        ContractError, match=r"given\.parquet: found 2 of 200 rows.*'lat': 2 infinite, such as lat inf .*\. Correct"
    ):
        intake.validate(RUN, source)


# Production files


def batches(*names):
    """A folder of production files, each with rows of its own."""
    change(data={"batches": "arrivals"})
    folder, rows = (
        settings().data / "raw" / "arrivals",
        pq.read_table(settings().data / "raw" / "dataset_kobe_prod.parquet"),
    )
    for place, name in enumerate(names):
        write_table(rows.slice(700 * place, 700), folder / f"{name}.parquet")
    return folder


def names(found):
    return [batch.name for batch in found]


def test_the_one_production_file_is_one_batch_however_often_it_is_asked_for(at):
    at("trained")
    runs = [Run("shots", "inference", f"s{number}") for number in (1, 1, 2)]
    found = [intake.ingest_batches(run) for run in runs]
    assert found[0] == found[1] == found[2]
    assert [(batch.number, batch.name) for batch in found[0]] == [(1, "dataset_kobe_prod.parquet")]


def test_new_files_of_a_folder_are_taken_in_once_in_order(at):
    at("trained")
    batches("b", "a")
    run = Run("shots", "inference", "s1")
    assert names(intake.ingest_batches(run)) == ["a.parquet", "b.parquet"]
    assert names(intake.ingest_batches(run)) == ["a.parquet", "b.parquet"]  # a second try of the same run
    assert [batch.number for batch in ledger.entries("shots")] == [2, 1]


def test_the_same_rows_under_another_name_are_not_taken_twice(at):
    at("trained")
    folder = batches("a")
    intake.ingest_batches(Run("shots", "inference", "s1"))
    shutil.copy(folder / "a.parquet", folder / "copy.parquet")
    intake.ingest_batches(Run("shots", "inference", "s2"))
    assert [batch.name for batch in ledger.entries("shots")] == ["a.parquet"]


def test_the_file_that_is_named_is_scored_though_its_rows_came_under_a_name_that_holds_others_by_now(at):
    at("trained")
    raw = settings().data / "raw"
    rows = pq.read_table(raw / "dataset_kobe_prod.parquet")
    write_table(rows.slice(0, 300), raw / "old.parquet")
    assert flows.score("shots", "s1", path="old.parquet").batches == (1,)
    shutil.copy(raw / "old.parquet", raw / "new.parquet")
    write_table(rows.slice(2000, 500), raw / "old.parquet")
    done = flows.score("shots", "s2", path="new.parquet")
    assert (done.rows, done.batches) == (300, (1,)), "the same rows are the same batch"
    scored = storage.read_table(storage.published(settings().data, "shots", "predictions") / RESULT)
    assert scored["shot_id"].to_pylist() == rows["shot_id"].slice(0, 300).to_pylist()
    newest = queries.newest("shots", Application)[0].record
    assert (newest.source, newest.source_sha256) == (str(raw / "new.parquet"), storage.digest(raw / "new.parquet"))
    assert flows.score("shots", "s3", path="old.parquet").batches == (2,)


def test_of_a_batch_whose_file_was_overwritten_or_is_gone_the_rows_that_were_scored_are_scored_again(at):
    at("trained")
    folder = batches("a", "b", "c")
    flows.score("shots", "s1")
    champion = SimpleNamespace(number="2")
    assert [(batch.number, batch.kept) for batch in intake._window_again("shots", champion)] == [(2, ""), (3, "")]
    shutil.copy(folder / "a.parquet", folder / "b.parquet")
    (folder / "c.parquet").unlink()
    assert [(batch.number, bool(batch.kept)) for batch in intake._window_again("shots", champion)] == [
        (2, True),
        (3, True),
    ]


def test_of_two_runs_that_race_each_file_goes_to_one(at):
    at("trained")
    batches("a", "b", "c")
    files = sorted((settings().data / "raw" / "arrivals").glob("*.parquet"))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda id: ledger.claim(Run("shots", "inference", id), files), ["s1", "s2"]))
    assert sorted(batch.name for claimed in found for batch in claimed) == ["a.parquet", "b.parquet", "c.parquet"]
    assert sorted(batch.number for batch in ledger.entries("shots")) == [1, 2, 3]


def test_files_and_late_labels_under_an_object_store_s_prefix_are_taken_in_scored_and_judged(at, object_store):
    at("trained")
    prefix = storage.at(f"s3://{object_store.bucket()}/arrivals")
    rows = pq.read_table(settings().data / "raw" / "dataset_kobe_prod.parquet")
    labels = rows.select(["shot_id", "shot_made_flag"]).filter(pc.is_valid(rows["shot_made_flag"]))
    change(data={"batches": str(prefix / "rows"), "labels": str(prefix / "labels")})
    for place in (1, 0):
        write_table(rows.drop(["shot_made_flag"]).slice(3000 * place, 3000), prefix / "rows" / f"{place}.parquet")
    assert flows.score("shots", "s1").batches == (1, 2)
    assert flows.score("shots", "s2").skip
    assert [batch.path for batch in ledger.entries("shots")] == [f"{prefix}/rows/{place}.parquet" for place in (1, 0)]
    assert flows.check("shots", "m1").performance_check.verdict == "insufficient data"
    write_table(labels, prefix / "labels" / "late.parquet")
    assert flows.check("shots", "m2").performance_check.verdict == "alert"


# Refusals


def as_batch(path):
    return Batch(number=1, name=path.name, path=str(path), sha256="0", named=True)


def test_an_empty_production_file_is_refused(at, prod_path, tmp_path):
    at("trained")
    write_table(pq.read_table(prod_path).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(ContractError, match=r"empty\.parquet: found no rows, expected at least one"):
        intake.validate_batches(RUN, [as_batch(tmp_path / "empty.parquet")])


def test_a_production_file_may_come_without_labels(at, prod, put):
    at("trained")
    name = put(prod.drop(columns="shot_made_flag"))
    (found,) = intake.validate_batches(RUN, [as_batch(settings().data / "raw" / name)])
    assert found.rows == 6_426


def test_a_file_that_is_not_there_is_named(at):
    folder = at("empty")
    with pytest.raises(SourceError, match=rf"{folder}/data/raw/nowhere\.parquet: no such file"):
        intake.ingest(RUN, "training", "nowhere.parquet")


# A feed that stands still


@pytest.mark.parametrize("stage", ["empty", "trained"])
def test_a_number_that_stands_still_is_refused_once_there_is_a_reference_to_tell_by(at, prod, put, stage):
    at(stage)
    path = put(prod.assign(lat=33.9, period=2))
    given = intake.ingest_batches(RUN, path)[0]
    if stage == "empty":
        assert intake.validate_batches(RUN, [given])[0].rows == 6_426
        return
    said = r"given\.parquet: column 'lat': all 6,426 rows hold 33\.9; column 'period': all 6,426 rows hold 2, but"
    with pytest.raises(ContractError, match=said):
        intake.validate_batches(RUN, [given])[0]


@pytest.mark.parametrize(
    "rows",
    [lambda prod: prod.assign(playoffs=0), lambda prod: prod.head(999).assign(lat=33.9)],
    ids=["a category", "few rows"],
)
def test_what_may_well_stand_still_is_no_broken_feed(at, prod, put, rows):
    at("trained")
    given = intake.ingest_batches(RUN, put(rows(prod)))[0]
    assert intake.validate_batches(RUN, [given])[0].rows == len(rows(prod))


def test_a_number_that_has_always_stood_still_is_no_broken_feed(at, prod, put, tmp_path, monkeypatch):
    at("trained")
    prod.assign(lat=33.9).to_parquet(tmp_path / "reference.parquet")
    monkeypatch.setattr(history, "reference", lambda *_: tmp_path / "reference.parquet")
    given = intake.ingest_batches(RUN, put(prod.assign(lat=34.1)))[0]
    assert intake.validate_batches(RUN, [given])[0].rows == 6_426
