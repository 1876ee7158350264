"""The command line: what it prints, what it leaves behind, how it ends."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from shotclock import config, history, registry, storage
from shotclock.cli import app
from shotclock.config import settings

COMMANDS = ("split-history", "train", "score", "check", "retrain", "rollback", "history", "batches", "status", "prune")
HEAVY = {"pandas", "numpy", "pyarrow", "sklearn", "mlflow", "evidently", "pycaret", "airflow"}


@pytest.fixture
def shotclock():
    """`shotclock("train", "shots")`: how the command ended and what it wrote."""
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def today():
    return history.decisions("shots")[0].at.date().isoformat()


# What it is


def test_help_names_every_command(shotclock):
    found = shotclock("--help")
    assert found.exit_code == 0
    assert all(command in found.stdout for command in COMMANDS)


def test_asking_for_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom shotclock.cli import app\n"
        "try: app(['retrain', '--help'])\nexcept SystemExit: pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("nonsense",),
        ("retrain", "shots"),
        ("rollback", "shots", "--reason", "why", "--version", "0"),
        ("split-history", "shots", "--by", "week"),
        ("history", "shots", "--on", "yesterday"),
    ],
)
def test_a_command_that_is_not_understood_ends_with_2_and_changes_nothing(at, shotclock, arguments, mlflow_runs):
    at("empty")
    before = mlflow_runs()
    found = shotclock(*arguments)
    assert found.exit_code == 2
    assert found.stdout == ""
    assert mlflow_runs() == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_project_that_is_not_there_is_one_message_and_exit_code_1(at, shotclock, command):
    at("empty")
    reason = ("--reason", "why") if command in ("retrain", "rollback") else ()
    found = shotclock(command, "nobody", *reason)
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith("error: ") and "nobody.yaml: cannot be read" in found.stderr
    assert "shots.yaml" in found.stderr
    assert "Traceback" not in found.stderr


# Flows


def test_train_score_and_check_say_a_line_for_each_step(at, shotclock):
    at("empty")
    trained = shotclock("train", "shots")
    assert trained.exit_code == 0
    steps = [line.split("  ")[0] for line in trained.stdout.splitlines() if "  " in line]
    assert steps[:4] == ["ingest", "validate", "filter", "split"]
    assert steps[-3:] == ["select", "gate", "promote"]
    assert "[0." in trained.stdout  # an interval's square brackets are no markup
    assert registry.champion("shots").number == "1"

    scored = shotclock("score", "shots")
    assert (scored.exit_code, scored.stdout.splitlines()[-1]) == (0, "6,426 rows in 1 file(s), scored by v1")

    checked = shotclock("check", "shots")
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (0, "alerts: drift, degradation, new_records")


def test_a_refusal_of_a_flow_is_one_message_and_exit_code_1(at, shotclock):
    at("empty")
    found = shotclock("score", "shots")
    assert found.exit_code == 1
    assert found.stderr.strip() == "error: project 'shots' has no champion yet; trigger shots.training first"


def test_json_is_all_that_stands_on_standard_output(at, shotclock):
    at("alerted")
    found = shotclock("check", "shots", "--json")
    result = json.loads(found.stdout)
    assert result["drift_check"]["verdict"] == "alert"
    assert result["drift"]["fires"] is True
    assert found.stderr.startswith("drift_check")


def test_a_retraining_that_keeps_the_champion_says_so_and_is_no_error(at, shotclock):
    at("rested")
    found = shotclock("retrain", "shots", "--reason", "to see whether [old] rows help")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1].startswith("keep: ")
    (newest, *_) = json.loads(shotclock("history", "shots", "--json").stdout)
    assert (newest["outcome"], newest["champion"]) == ("keep", "2")
    assert newest["started_because"] == "to see whether [old] rows help"


# History


def test_history_tells_the_decisions_newest_first_with_why_and_by_whom(at, shotclock):
    at("rested")
    text = shotclock("history", "shots").stdout
    newer, older = text.index("retraining: PROMOTE, champion v2"), text.index("training: PROMOTE, champion v1")
    assert newer < older
    assert text.count("decided by: gate") == 2
    assert "started by: new_records: 5,412 new labelled rows" in text
    found = json.loads(shotclock("history", "shots", "--json").stdout)
    assert [(done["outcome"], done["champion"], done["run"]) for done in found] == [
        ("promote", "2", "r1"),
        ("promote", "1", "t1"),
    ]
    assert len(found[0]["answered_alerts"]) == 3


def test_who_was_champion_on_a_day_and_why(at, shotclock):
    at("rested")
    found = shotclock("history", "shots", "--on", today())
    assert found.stdout.startswith(f"champion at the end of {today()} (UTC): v2")
    assert "gain over the champion" in found.stdout
    assert json.loads(shotclock("history", "shots", "--on", today(), "--json").stdout)["champion"] == "2"
    before = shotclock("history", "shots", "--on", "1999-12-31")
    assert (before.exit_code, before.stdout.strip()) == (0, "shots: no champion yet at the end of 1999-12-31")
    assert json.loads(shotclock("history", "shots", "--on", "1999-12-31", "--json").stdout) is None


def test_rolling_back_is_written_down_with_its_reason_and_the_person(at, shotclock, monkeypatch):
    at("rested")
    monkeypatch.setattr("getpass.getuser", lambda: "maria")
    found = shotclock("rollback", "shots", "--reason", "complaints from Boston")
    assert found.exit_code == 0
    assert "models:/shots/1 is the champion again instead of v2: complaints from Boston" in found.stdout
    assert registry.champion("shots").number == "1"
    serving = json.loads(shotclock("history", "shots", "--on", today(), "--json").stdout)
    assert (serving["champion"], serving["decided_by"], serving["reason"]) == ("1", "maria", "complaints from Boston")


def test_rolling_back_to_what_is_in_service_is_refused(at, shotclock):
    at("rested")
    found = shotclock("rollback", "shots", "--reason", "why", "--version", 2)
    assert found.exit_code == 1
    assert "models:/shots/2 is the champion already" in found.stderr
    assert registry.champion("shots").number == "2"


def test_status_is_the_page_of_the_demo_or_how_the_project_stands_as_json(at, shotclock):
    at("rested")
    assert "open alerts: none: the loop is at rest" in shotclock("status", "shots").stdout
    standing = json.loads(shotclock("status", "shots", "--json").stdout)
    assert (standing["champion"], standing["previous"], standing["open_alerts"]) == ("2", "1", [])
    assert standing["findings"]["drift"]["verdict"] == "ok"
    assert standing["last_decision"]["outcome"] == "promote"


def test_nothing_has_happened_yet_is_said_and_no_error(at, shotclock):
    at("empty")
    assert shotclock("history", "shots").stdout.strip() == "shots: nothing was decided yet"
    assert shotclock("batches", "shots").stdout.strip() == "shots: no batch was taken in yet"
    assert json.loads(shotclock("status", "shots", "--json").stdout)["champion"] is None
    assert json.loads(shotclock("batches", "shots", "--json").stdout) == []


# Cutting


# Old runs


def test_pruning_says_what_would_go_and_removes_it_only_when_told(at, shotclock):
    folder = at("rested") / "data" / "shots" / "runs" / "inference"
    found = shotclock("prune", "shots", "--older-than", "0", "--keep", "0")
    assert (found.exit_code, found.stdout.splitlines()[-1]) == (0, "nothing was removed: --yes does it")
    assert "would go: 0 folder(s) and 0 MLflow run(s) of 0 of 6 runs, 0 bytes" in found.stdout  # all of them are young
    (folder / "killed").mkdir()
    os.utime(folder / "killed", (0, 0))
    assert "1970-01-01T00:00  inference   killed" in shotclock("prune", "shots", "--keep", "0").stdout
    assert (folder / "killed").exists()
    done = json.loads(shotclock("prune", "shots", "--keep", "0", "--yes", "--json").stdout)
    assert (done["removed"], [run["run"] for run in done["runs"]]) == (True, ["killed"])
    assert sorted(path.name for path in folder.iterdir()) == ["s1", "s2"]
    assert shotclock("prune", "shots", "--keep", "-1").exit_code == 2


def cut(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def test_the_production_file_is_cut_into_seasons_that_hold_all_of_it(at, shotclock, prod_path):
    folder = at("empty") / "data" / "raw" / "seasons"
    found = shotclock("split-history", "shots", "--into", "seasons")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[0].split() == ["1996-97.parquet", "159", "rows"]
    tables = [pq.read_table(path) for path in sorted(folder.iterdir())]
    whole = pq.read_table(prod_path)
    assert len(tables) == 20
    assert sum(table.num_rows for table in tables) == 6_426
    assert all(table.schema.equals(whole.schema, check_metadata=True) for table in tables)
    rows = [row for table in tables for row in table.to_pylist()]
    assert sorted(rows, key=lambda row: row["shot_id"]) == sorted(whole.to_pylist(), key=lambda row: row["shot_id"])


def test_cutting_again_leaves_the_same_bytes(at, shotclock):
    folder = at("empty") / "data" / "raw" / "months"
    arguments = ("split-history", "shots", "--by", "month", "--into", "months")
    assert len(json.loads(shotclock(*arguments, "--json").stdout)["files"]) == 140
    before = cut(folder)
    assert shotclock(*arguments).exit_code == 0
    assert cut(folder) == before
    assert list(before)[:2] == ["1996-11.parquet", "1996-12.parquet"]


def test_the_folder_is_the_projects_own_where_none_is_named(at, shotclock):
    folder = at("empty")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("data:\n", "data:\n  batches: arrivals\n"), "utf-8")
    config.project.cache_clear()
    shotclock("split-history", "shots", "--file", "dataset_kobe_dev.parquet")
    files = sorted((folder / "data" / "raw" / "arrivals").glob("*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == 24_271


def test_a_cut_may_go_to_an_object_store_and_has_the_same_bytes(at, shotclock, object_store):
    folder = at("empty") / "data" / "raw" / "shots"
    address = storage.at(f"s3://{object_store.bucket()}/arrivals")
    for into in ((), ("--into", str(address)), ("--into", str(address))):
        found = shotclock("split-history", "shots", "--by", "season", *into)
        assert found.exit_code == 0, found.stderr
    there = {file.name: storage.digest(file) for file in storage.listing(address, "*.parquet")}
    assert there == {file.name: storage.digest(file) for file in storage.listing(folder, "*.parquet")}
    assert len(there) == 20


def test_files_of_another_cut_are_not_mixed_with_this_one(at, shotclock):
    folder = at("empty") / "data" / "raw" / "seasons"
    shotclock("split-history", "shots", "--into", "seasons")
    before = cut(folder)
    found = shotclock("split-history", "shots", "--into", "seasons", "--by", "month")
    assert found.exit_code == 1
    assert "1996-97.parquet: found a file that is not of this cut" in found.stderr
    assert cut(folder) == before


def test_a_batch_that_is_there_already_is_not_changed(at, shotclock, prod):
    folder = at("empty") / "data" / "raw" / "seasons"
    shotclock("split-history", "shots", "--into", "seasons")
    before = cut(folder)
    prod.assign(lat=33.0).to_parquet(settings().data / "raw" / "other.parquet")
    found = shotclock("split-history", "shots", "--into", "seasons", "--file", "other.parquet")
    assert found.exit_code == 1
    assert "1996-97.parquet: found other rows than those of this cut" in found.stderr
    assert cut(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="game_date"), "column 'game_date' (columns.time) is missing"),
        (lambda rows: rows.assign(game_date=None), "column 'game_date': 6,426 of 6,426 rows have no time"),
        (lambda rows: rows.assign(game_date="April"), "column 'game_date': found 'April', expected an ISO date"),
    ],
)
def test_rows_without_a_time_are_refused_and_leave_no_file(at, shotclock, prod, change, message):
    folder = at("empty") / "data" / "raw"
    change(prod).to_parquet(folder / "bad.parquet")
    found = shotclock("split-history", "shots", "--file", "bad.parquet", "--into", "seasons")
    assert found.exit_code == 1
    assert message in found.stderr
    assert not list((folder / "seasons").glob("*"))


def test_a_large_file_is_cut_in_pieces_into_the_same_rows(at, shotclock, monkeypatch):
    from shotclock.steps import splitting

    folder = at("empty") / "data" / "raw"
    shotclock("split-history", "shots", "--into", "whole")
    monkeypatch.setattr(splitting, "_HELD", 500)
    monkeypatch.setattr(splitting, "_ROWS", 100)
    shotclock("split-history", "shots", "--into", "pieces")
    for path in sorted((folder / "whole").iterdir()):
        assert pq.read_table(folder / "pieces" / path.name).equals(pq.read_table(path))
