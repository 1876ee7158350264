"""Each file of a folder is taken in once, in order, whoever asks and however often."""

import json
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.sources import synthetic
from shotclock.store import records, tracking
from shotclock.store.intake import ledger, passed_over
from shotclock.store.run import Run


def run(number=1):
    return Run("shots", "inference", f"s{number}")


@pytest.fixture
def folder(at, tmp_path):
    """An empty store and five files: `0.parquet` to `4.parquet`."""
    at("empty")
    for number in range(5):
        write(tmp_path / f"{number}.parquet", number)
    return tmp_path


def write(path, value, metadata=None):
    pq.write_table(pa.table({"id": [value]}).replace_schema_metadata(metadata), path)


def files(folder):
    return sorted(folder.glob("*.parquet"))


def names(batches):
    return [batch.name for batch in batches]


def test_files_are_numbered_in_the_order_of_their_names(folder):
    found = ledger.claim(run(), files(folder))
    assert [(batch.number, batch.name) for batch in found] == [(n + 1, f"{n}.parquet") for n in range(5)]
    assert ledger.entries("shots") == found[::-1]
    assert [batch for batch, _ in ledger.arrivals("shots")] == found


def test_what_one_run_has_taken_no_other_gets(folder):
    ledger.claim(run(1), files(folder)[:3])
    assert names(ledger.claim(run(2), files(folder))) == ["3.parquet", "4.parquet"]
    assert ledger.claim(run(3), files(folder)) == []


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_what_a_run_took_in_and_never_scored_goes_to_the_next_once_it_has_failed_or_died(folder, status):
    taken = ledger.claim(run(1), files(folder)[:3])
    scoring = tracking.open_run(run(1), "score/1", records.Application)
    tracking.close_run(scoring.id, status)
    assert ledger.claim(run(2), files(folder)[:3]) == taken
    assert ledger.claim(run(3), files(folder)[:3]) == []
    assert ledger.entries("shots") == taken[::-1], "none is entered twice"


def test_a_second_try_gets_its_own_again_and_what_has_come_meanwhile(folder):
    first = ledger.claim(run(), files(folder)[:2])
    ledger.claim(run(2), files(folder)[2:4])
    again = ledger.claim(run(), files(folder))
    assert again[:2] == first
    assert names(again) == ["0.parquet", "1.parquet", "4.parquet"]
    assert [batch.number for batch in again] == [1, 2, 5]


def test_the_same_bytes_under_another_name_are_left_out_and_said_so(folder, caplog):
    shutil.copy(folder / "2.parquet", folder / "9.parquet")
    assert "9.parquet" not in names(ledger.claim(run(), files(folder)))
    assert "9.parquet: the same bytes were taken in as" in caplog.text


def test_a_file_that_cannot_be_read_is_named_and_stops_no_other_until_it_can(folder):
    whole = (folder / "2.parquet").read_bytes()
    (folder / "2.parquet").write_bytes(whole[:20])
    assert names(ledger.claim(run(1), files(folder))) == ["0.parquet", "1.parquet", "3.parquet", "4.parquet"]
    assert passed_over.names("shots", "batches") == {"2.parquet"}
    assert ledger.claim(run(2), files(folder)) == []
    (folder / "2.parquet").write_bytes(whole)
    assert names(ledger.claim(run(3), files(folder))) == ["2.parquet"]
    assert passed_over.names("shots", "batches") == set()
    assert [batch.number for batch in ledger.entries("shots")] == [5, 4, 3, 2, 1]


def test_a_synthetic_file_is_entered_as_one(folder):
    write(folder / "5.parquet", 5, {synthetic.MARK: json.dumps({"file": "x"}).encode()})
    assert [batch.synthetic for batch in ledger.claim(run(), files(folder))] == [False] * 5 + [True]


def test_a_file_given_by_hand_is_entered_once_whatever_its_name_and_is_the_one_that_is_scored(folder):
    one, other = folder / "1.parquet", folder / "other.parquet"
    first = ledger.enter(run(1), one, "d1", synthetic=False)
    again = ledger.enter(run(2), other, "d1", synthetic=False)
    assert again == replace(first, name="other.parquet", path=str(other))
    write(folder / "other.parquet", 9)
    assert ledger.enter(run(2), folder / "other.parquet", "d2", synthetic=False).number == 2
    assert names(ledger.claim(run(3), files(folder))) == ["0.parquet", "2.parquet", "3.parquet", "4.parquet"]


def test_the_ledgers_of_two_projects_are_apart(folder):
    ledger.claim(run(), files(folder))
    assert len(ledger.claim(Run("others", "inference", "s1"), files(folder))) == 5
