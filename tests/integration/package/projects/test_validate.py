"""A project held against its data."""

from shotclock import config
from shotclock.config import settings
from shotclock.projects.validate import ValidFile, validate


def test_every_fault_of_a_project_file_is_listed(at):
    at("empty")
    path = settings().projects / "shots.yaml"
    path.write_text(
        path.read_text("utf-8").replace("folds: 5", "folds: 1").replace("min_rows: 500", "min_rows: many"), "utf-8"
    )
    config.project.cache_clear()
    faults = validate("shots").faults
    assert len(faults) == 2
    assert "field 'training.folds': found 1, allowed: greater than or equal to 2" in faults[0]
    assert "field 'gate.min_rows': found 'many', allowed: a valid integer" in faults[1]


def test_the_raw_files_of_a_sound_project_keep_the_contract(at):
    at("empty")
    found = validate("shots")
    assert found.faults == ()
    assert [(file.rows, file.bad) for file in found.files] == [(24_271, 0), (6_426, 0)]


def test_rows_that_break_the_contract_are_counted_by_reason(at, prod):
    folder = at("empty") / "data" / "raw"
    path = settings().projects / "shots.yaml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("  sha256:")] + text[text.index("  synthetic:") :], "utf-8")
    config.project.cache_clear()
    prod.loc[:99, "shot_distance"] = 1000
    prod.loc[50:149, "shot_id"] = 7
    (folder / "dataset_kobe_prod.parquet").unlink()
    prod.to_parquet(folder / "dataset_kobe_prod.parquet")
    found = validate("shots")
    assert found.files[1].reasons == {"shot_distance: above 100": 51, "shot_id: repeated": 99}
    assert "found 150 of 6,426 rows (2.33%) that break the contract, expected at most 1.00%" in found.faults[0]


def test_raw_files_of_text_are_read_as_the_project_says(at, dev):
    folder = at("empty") / "data" / "raw"
    path = settings().projects / "shots.yaml"
    text = path.read_text("utf-8").replace("dataset_kobe_dev.parquet", "dev.csv")
    path.write_text(text[: text.index("  sha256:")] + text[text.index("  synthetic:") :], "utf-8")
    config.project.cache_clear()
    dev.to_csv(folder / "dev.csv", index=False)
    found = validate("shots")
    assert found.faults == ()
    assert [(file.rows, file.bad) for file in found.files] == [(24_271, 0), (6_426, 0)]
    dev.assign(lat="far").to_csv(folder / "dev.csv", index=False)
    assert "dev.csv: column 'lat', row 1: found 'far', expected a number" in validate("shots").faults[0]


def test_every_column_that_is_wrong_is_listed(at, dev):
    folder = at("empty") / "data" / "raw"
    path = settings().projects / "shots.yaml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("  sha256:")] + text[text.index("  synthetic:") :], "utf-8")
    config.project.cache_clear()
    (folder / "dataset_kobe_dev.parquet").unlink()
    dev.drop(columns="lat").assign(period="first").to_parquet(folder / "dataset_kobe_dev.parquet")
    faults = validate("shots").faults
    assert len(faults) == 2
    assert "column 'lat' is missing" in faults[0]
    assert "column 'period': found type" in faults[1]


def test_a_raw_file_that_is_another_one_is_a_fault_and_one_that_is_not_there_is_none(at):
    folder = at("empty") / "data" / "raw"
    (folder / "dataset_kobe_dev.parquet").unlink()
    (folder / "dataset_kobe_prod.parquet").unlink()
    (folder / "dataset_kobe_prod.parquet").write_bytes(b"PAR1")
    found = validate("shots")
    assert found.files[0] == ValidFile("training", present=False)
    assert "found sha256" in found.faults[0]


def test_too_few_rows_for_the_gate_are_a_fault(at):
    at("empty")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("test_share: 0.2", "test_share: 0.02"), "utf-8")
    config.project.cache_clear()
    assert "leaves 406 for the gate, expected at least gate.min_rows 500" in validate("shots").faults[0]


def test_production_ids_of_another_kind_than_the_training_files_are_a_fault_with_both_types(at, prod):
    folder = at("empty") / "data" / "raw"
    path = settings().projects / "shots.yaml"
    text = path.read_text("utf-8")
    path.write_text(text[: text.index("  sha256:")] + text[text.index("  synthetic:") :], "utf-8")
    config.project.cache_clear()
    (folder / "dataset_kobe_prod.parquet").unlink()
    prod.assign(shot_id=prod["shot_id"].astype(str)).to_parquet(folder / "dataset_kobe_prod.parquet")
    (fault,) = validate("shots").faults
    assert "column 'shot_id': found type string, expected int64, as the project's ids are" in fault
