"""No file may grow beyond some size, at each write of a command: a named error, nothing published changes, then it goes on."""

import json
import os
import resource
import sys

import pytest

REMEDIES = (
    "the file would be larger than this process may write (ulimit -f); raise that",
    "no space is left on the disk; free some of it",
    "the disk fails to read or write, or is full; free some space",
)
SIZES = (0, 4_000, 40_000, 400_000)  # bytes: below the first table, the first report, the store's log
COMMANDS = {
    "empty": ("train", "shots"),
    "trained": ("score", "shots"),
    "alerted": ("retrain", "shots", "--reason", "a new season"),
    "rested": ("rollback", "shots", "--reason", "complaints"),
}


@pytest.fixture
def limited(shotclock):
    """`limited(size, command)`: how it ends, and what it writes, in a process none of whose files may grow beyond this size."""

    def call(size, command):
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                sys.dont_write_bytecode = (
                    True  # before 3.12 an import would leave half a file, which the next one stumbles over
                )
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # as a full disk, in any place and for root too
                found = shotclock(*command)
                told = found.exit_code, type(found.exception).__name__, found.output
                os.write(write, json.dumps(told).encode()[-60_000:])
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return json.loads(told)

    return call


@pytest.mark.parametrize("stage", COMMANDS)
def test_a_command_that_cannot_write_on_says_so_and_is_called_again(at, shotclock, limited, published, stage):
    at(stage)
    before = published()
    for size in SIZES:
        code, raised, said = limited(size, COMMANDS[stage])
        words = " ".join(said.split())
        if code == 0:
            break
        assert (code, raised) == (3, "SystemExit"), (size, words[-600:])
        assert any(remedy in words for remedy in REMEDIES), (size, words[-600:])
        assert "Traceback" not in said, (size, said[-600:])
        assert published() == before, size
    else:
        assert shotclock(*COMMANDS[stage]).exit_code == 0
    assert published() != before
