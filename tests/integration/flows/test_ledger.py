"""The ledger under two processes at once."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.store.intake import ledger

RIVAL = """
import json, sys
from pathlib import Path
from shotclock.store.intake import ledger
from shotclock.store.run import Run
files = sorted(Path(sys.argv[2]).glob("*.parquet"))
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([batch.name for batch in ledger.claim(Run("shots", "inference", sys.argv[1]), files)]))
"""


def test_of_two_processes_that_race_each_file_goes_to_one(at, tmp_path):
    at("empty")
    for number in range(5):
        pq.write_table(pa.table({"id": [number]}), tmp_path / f"{number}.parquet")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    rivals = [subprocess.Popen([sys.executable, "-c", RIVAL, f"r{n}", str(tmp_path)], **pipes) for n in range(2)]
    assert [rival.stdout.readline() for rival in rivals] == ["ready\n"] * 2
    for rival in rivals:
        rival.stdin.write("go\n")
        rival.stdin.flush()
    claimed = [json.loads(rival.communicate()[0].splitlines()[-1]) for rival in rivals]
    assert sorted(claimed[0] + claimed[1]) == sorted(batch.name for batch in ledger.entries("shots"))
    assert sorted(claimed[0] + claimed[1]) == [f"{n}.parquet" for n in range(5)]
    assert [batch.number for batch in ledger.entries("shots")] == [5, 4, 3, 2, 1]
    assert [batch.name for batch in ledger.entries("shots")] == [f"{n}.parquet" for n in reversed(range(5))]
