"""Files that were stored with MLflow runs."""

import subprocess
import sys

import pytest

from shotclock.errors import StoreError
from shotclock.store import queries, records, tracking
from shotclock.store.run import Run
from shotclock.store.server import artifacts

RUN = Run("shots", "training", "t9")


def test_a_file_that_a_run_does_not_have_is_named(store):
    run = tracking.open_run(RUN, "gate", records.Gate)
    with pytest.raises(StoreError, match=f"MLflow run {run.id} has no 'reference.parquet'; train and promote again"):
        artifacts.artifact(run.id, "reference.parquet")


def test_a_text_is_read_and_one_that_is_not_there_is_named(at):
    at("alerted")
    (drift,) = queries.newest("shots", records.Drift)
    assert "columns drifted" in artifacts.text(drift.id, "drift_report.html")
    with pytest.raises(StoreError, match=r"has no 'nothing\.html'"):
        artifacts.text(drift.id, "nothing.html")


def test_a_name_leads_out_of_no_runs_folder_and_mlflow_is_not_imported_for_a_text(store, tmp_path):
    opened = tracking.open_run(RUN, "gate", records.Gate)
    opened.text("seen", "a.txt")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    asked = """
import sys
from shotclock.errors import StoreError
from shotclock.store.server import artifacts
run, *names = sys.argv[1:]
assert artifacts.text(run, "a.txt") == "seen"
for name in names:
    try:
        raise SystemExit(artifacts.text(run, name))
    except StoreError as error:
        assert f"has no '{name}'" in str(error)
assert "mlflow" not in sys.modules
"""
    names = [f"{tmp_path}/secret.txt", f"{'../' * 30}{tmp_path}/secret.txt", "../a.txt"]
    subprocess.run([sys.executable, "-c", asked, opened.id, *names], check=True)


def test_the_bytes_of_a_runs_files_are_counted_in_every_folder_and_go_with_it(store, runs):
    opened = tracking.open_run(RUN, "gate", records.Gate)
    opened.text("1234", "a.txt")
    opened.text("123456", "below/b.txt")
    assert artifacts.weight(opened.id) == 10
    artifacts.remove(opened.id)
    assert runs() == []
    with pytest.raises(StoreError, match=r"has no 'a\.txt'"):
        artifacts.text(opened.id, "a.txt")
