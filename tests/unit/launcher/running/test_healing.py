"""A service that ends by itself is started again, a few times, and everybody can see it; one that keeps ending ends all."""

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotclock_launcher import doctor
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, falls, lock, processes
from shotclock_launcher.running.services import Service
from shotclock_launcher.running.stack import Stack

ENDS = [
    ("raise SystemExit(3)", "exit status 3"),
    ("pass", "exit status 0"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
    ("print(1 / 0)", "exit status 1"),
]


@pytest.fixture
def stack(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    monkeypatch.setattr(falls, "PAUSES", (0.05, 0.1, 0.2))
    made = Stack(layout, uuid.uuid4().hex, credentials.Login("admin", "x"), dict(os.environ))
    monkeypatch.setattr(processes, "PATIENCE", 0)
    yield made
    made.end()


def python(name: str, code: str) -> Service:
    return Service(name, (sys.executable, "-c", code))


def watch(stack: Stack, until, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not until():
        stack.check()
        assert time.monotonic() < end
        time.sleep(0.02)


def starts(layout: Layout, name: str) -> int:
    file = layout.var / f"{name}.starts"
    return len(file.read_text()) if file.exists() else 0


def counting(layout: Layout, name: str, then: str) -> Service:
    """A service that counts its starts in a file; `then` sees the count as `n`."""
    file = layout.var / f"{name}.starts"
    return python(name, f"import time\nwith open({str(file)!r}, 'a+') as f: f.write('x'); n = f.tell()\n{then}")


def alive(stack: Stack, name: str) -> bool:
    return bool(processes.members(stack.id, name))


@pytest.mark.parametrize(("code", "how"), ENDS)
def test_one_that_keeps_ending_is_started_three_times_more_and_then_ends_all_with_its_name_and_last_words(
    stack: Stack, layout: Layout, code: str, how: str
) -> None:
    stack.start(
        [counting(layout, "sick", f"print('last words', n)\n{code}"), python("well", "import time; time.sleep(60)")]
    )
    with pytest.raises(LaunchError) as error:
        watch(stack, lambda: False)
    for part in ("sick ended by itself 4 times", how, "last words 4", str(layout.logs / "sick.log")):
        assert part in str(error.value)
    assert starts(layout, "sick") == 4
    assert alive(stack, "well")


@pytest.mark.parametrize(("code", "how"), ENDS)
def test_one_that_ends_once_is_started_again_and_the_others_do_not_notice(
    stack: Stack, layout: Layout, capsys: pytest.CaptureFixture[str], code: str, how: str
) -> None:
    stack.start(
        [counting(layout, "sick", f"if n == 1:\n  print('why'); exec({code!r}); raise SystemExit\ntime.sleep(60)")]
    )
    stack.start([counting(layout, "well", "time.sleep(60)")])
    watch(stack, lambda: starts(layout, "sick") == 2)
    assert starts(layout, "well") == 1
    assert f"sick ended by itself, {how}; it is started again in 0 s" in capsys.readouterr().out
    assert "why" in (layout.logs / "sick.log.1").read_text()


def test_each_pause_is_longer_than_the_one_before() -> None:
    assert sorted(falls.PAUSES) == list(falls.PAUSES)
    assert 1 <= sum(falls.PAUSES) <= 30


def test_what_a_service_had_forked_is_gone_before_it_is_started_again(stack: Stack, layout: Layout) -> None:
    forks = "import os\nif n == 1:\n  if os.fork() == 0: os.setsid(); time.sleep(60)\n  os._exit(1)\ntime.sleep(60)"
    stack.start([counting(layout, "sick", forks)])
    watch(stack, lambda: starts(layout, "sick") == 2)
    assert len(processes.members(stack.id, "sick")) == 1


def test_one_that_was_sound_for_long_begins_to_count_anew(
    stack: Stack, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(falls, "STEADY", -1.0)
    stack.start([counting(layout, "sick", "")])
    watch(stack, lambda: starts(layout, "sick") == 6)


def test_doctor_names_what_ended_in_the_stack_that_runs_and_not_what_ended_in_another(
    stack: Stack, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOTCLOCK_HOME", str(layout.settings.home))
    falls.note(layout.falls, "another", "triggerer", "killed by signal 9", 1.0)
    stack.start([counting(layout, "scheduler", "if n < 3: raise SystemExit(7)\ntime.sleep(60)")])
    watch(stack, lambda: starts(layout, "scheduler") == 3)
    with lock.only_one(layout.lock, stack.id):
        found = {finding.what: finding for finding in doctor.checks()}
    assert "triggerer" not in found
    assert found["scheduler"].state == "warning"
    assert "ended by itself 2 times" in found["scheduler"].found
    assert "exit status 7; was started again" in found["scheduler"].found
    assert "scheduler.log" in found["scheduler"].remedy


def test_doctor_names_what_the_last_start_was_ended_for(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTCLOCK_HOME", str(layout.settings.home))
    with lock.only_one(layout.lock, "mine"):
        falls.note(layout.falls, "mine", "mlflow", "exit status 1", None)
    found = {finding.what: finding for finding in doctor.checks()}
    assert "exit status 1; all was ended for it" in found["mlflow"].found


def test_a_disk_that_takes_no_line_does_not_keep_a_service_from_its_start(
    stack: Stack, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    layout.falls.mkdir()
    stack.start([counting(layout, "sick", "if n == 1: raise SystemExit(5)\ntime.sleep(60)")])
    watch(stack, lambda: starts(layout, "sick") == 2)
    assert "falls.jsonl: not written (Is a directory)" in capsys.readouterr().out


def test_each_end_is_one_line_of_json(tmp_path: Path) -> None:
    falls.note(tmp_path / "f", "s", "scheduler", "exit status 1", 1.0)
    falls.note(tmp_path / "f", "s", "scheduler", "exit status 1", None)
    assert [json.loads(line)["again"] for line in (tmp_path / "f").read_text().splitlines()] == [1.0, None]
