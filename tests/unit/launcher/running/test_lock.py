"""One stack a checkout."""

import os
import subprocess
import sys
from pathlib import Path

from shotclock_launcher.running import lock


def test_a_second_stack_is_refused_by_the_first_ones_pid(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    with lock.only_one(file, "first"):
        command = [sys.executable, "-m", "shotclock_launcher.running.lock", str(file)]
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"already running in this folder (pid {os.getpid()})" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_the_next_stack_learns_which_one_was_there_before(tmp_path: Path) -> None:
    file = tmp_path / "var" / "stack.lock"
    for before, name in [(None, "first"), ("first", "second"), ("second", "third")]:
        with lock.only_one(file, name) as found:
            assert found == before


def test_a_damaged_lock_file_stops_nobody(tmp_path: Path) -> None:
    file = tmp_path / "stack.lock"
    file.write_text("{")
    with lock.only_one(file, "first") as before:
        assert before is None
