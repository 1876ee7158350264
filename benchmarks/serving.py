"""The endpoint next to plain `mlflow models serve`, side by side, in one run; then promotions under load.

    make bench                          # or: python -m benchmarks.serving --rounds 5

Both serve the same version of the same model, and get the same request: one row, as JSON, over connections that are kept.
They take turns, so that what else the machine does meets both. Then the alias moves back and forth between two versions
while eight connections ask without a pause: every answer must come, and come from one of the two.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chain import free_port, home
from shotclock.config import settings

PROJECT = "kobe_shots"
CONNECTIONS = (1, 8, 32)
ROUNDS = 5
SECONDS = 3.0
PROMOTIONS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load in each turn")
    parser.add_argument("--promotions", type=int, default=PROMOTIONS)
    parser.add_argument("--part", choices=("train", "promote"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        {"train": train, "promote": promote}[arguments.part]()
        return
    with home() as environment:
        environment["MLFLOW_TRACKING_URI"] = settings(environment).tracking_uri  # for MLflow's own command
        run_part("train", environment)
        with servers(environment) as addresses:
            compare(addresses, arguments.rounds, arguments.seconds)
            asyncio.run(promotions(addresses["Shotclock"], arguments.promotions, environment))


def run_part(name: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "benchmarks.serving", "--part", name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])


def train() -> None:
    """Two versions: the first champion, and the one of a retraining."""
    from shotclock import flows
    from shotclock.store.server import database

    database.prepare_store()
    flows.train(PROJECT, "t1")
    flows.score(PROJECT, "s1")
    flows.check(PROJECT, "m1")
    flows.retrain(PROJECT, "r1", reason="a second version")


def promote() -> None:
    """Exchange champion and previous, each time that a line comes in."""
    from shotclock.store.versions import registry

    for _ in sys.stdin:
        champion, previous = (registry.by_alias(PROJECT, alias) for alias in (registry.CHAMPION, registry.PREVIOUS))
        assert champion and previous
        registry.promote(previous, expected=champion.number)
        sys.stdout.write(f"{previous.number}\n")
        sys.stdout.flush()


@contextmanager
def servers(environment: dict[str, str]) -> Iterator[dict[str, int]]:
    """Both servers, up; their ports by name."""
    ports = {"mlflow": free_port(), "Shotclock": free_port()}
    model = ["-m", f"models:/{PROJECT}@champion", "--env-manager", "local"]
    commands = {
        "mlflow": [sys.executable, "-m", "mlflow", "models", "serve", *model, "--port", str(ports["mlflow"])],
        "Shotclock": [sys.executable, "-m", "shotclock.serving", "--port", str(ports["Shotclock"])],
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    with tempfile.TemporaryFile() as log:
        running = [
            subprocess.Popen(command, env=environment | {"PATH": path}, stdout=log, stderr=log, start_new_session=True)
            for command in commands.values()
        ]
        try:
            for name, port in ports.items():
                print(f"{name:<10} up after {wait_for(port):.1f} s", flush=True)
            yield ports
        finally:
            for process in running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 15)
                process.wait()


def wait_for(port: int, limit: float = 120) -> float:
    began = time.monotonic()
    while time.monotonic() - began < limit:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ping"):
            return time.monotonic() - began
        time.sleep(0.1)
    raise SystemExit(f"port {port}: nothing answers after {limit:.0f} s")


@dataclass
class Load:
    """What a number of connections got: seconds of each answer, the versions that gave them, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def request() -> bytes:
    row = {"lat": 33.9, "lon": -118.2, "minutes_remaining": 5, "period": 2, "playoffs": 0, "shot_distance": 24}
    body = json.dumps({"dataframe_split": {"columns": list(row), "data": [list(row.values())]}})
    head = f"POST /invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


async def ask(port: int, load: Load, ended: asyncio.Event) -> None:
    """One connection: the next request goes out when the answer to the last one is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = request()
    while not ended.is_set():
        began = time.perf_counter()
        try:
            writer.write(sent)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError) as error:
            load.failures.append(repr(error))
            return
        load.seconds.append(time.perf_counter() - began)
        load.versions.append(headers.get("x-model-version", ""))
        if " 200 " not in head.split("\r\n", 1)[0] or b'"predictions"' not in body:
            load.failures.append(head.split("\r\n", 1)[0])
    writer.close()


async def under_load(port: int, connections: int, seconds: float) -> Load:
    load, ended = Load(), asyncio.Event()
    asking = [asyncio.create_task(ask(port, load, ended)) for _ in range(connections)]
    await asyncio.sleep(seconds)
    ended.set()
    await asyncio.gather(*asking)
    return load


def compare(ports: dict[str, int], rounds: int, seconds: float) -> None:
    """Print p50, p99 and requests a second for each server and number of connections: the median of the turns."""
    for port in ports.values():
        asyncio.run(under_load(port, 8, 1))  # both warm
    print(f"\n{'connections':<12}{'server':<12}{'p50 ms':>8}{'p99 ms':>8}{'per second':>12}{'failed':>8}")
    for connections in CONNECTIONS:
        turns: dict[str, list[Load]] = {name: [] for name in ports}
        for turn in range(rounds):
            for name in list(ports) if turn % 2 else reversed(list(ports)):
                turns[name].append(asyncio.run(under_load(ports[name], connections, seconds)))
        for name, loads in turns.items():
            told(str(connections), name, loads, seconds)


def told(connections: str, name: str, loads: list[Load], seconds: float) -> None:
    def median(of: list[float]) -> float:
        return statistics.median(of)

    p50 = median([statistics.quantiles(load.seconds, n=100)[49] for load in loads]) * 1000
    p99 = median([statistics.quantiles(load.seconds, n=100)[98] for load in loads]) * 1000
    rate = median([len(load.seconds) / seconds for load in loads])
    failed = sum(len(load.failures) for load in loads)
    print(f"{connections:<12}{name:<12}{p50:>8.2f}{p99:>8.2f}{rate:>12,.0f}{failed:>8}", flush=True)


async def promotions(port: int, count: int, environment: dict[str, str]) -> None:
    """Move the alias `count` times under load; each time wait until the other version answers."""
    command = [sys.executable, "-m", "benchmarks.serving", "--part", "promote"]
    pipe = asyncio.subprocess.PIPE
    mover = await asyncio.create_subprocess_exec(*command, env=environment, stdin=pipe, stdout=pipe)
    assert mover.stdin and mover.stdout
    load, ended, waited = Load(), asyncio.Event(), []
    asking = [asyncio.create_task(ask(port, load, ended)) for _ in range(8)]
    for _ in range(count):
        mover.stdin.write(b"next\n")
        wanted = (await mover.stdout.readline()).decode().strip()
        began = time.monotonic()
        while load.versions[-1:] != [wanted]:
            if load.failures or time.monotonic() - began > 60:
                break
            await asyncio.sleep(0.01)
        waited.append(time.monotonic() - began)
    ended.set()
    await asyncio.gather(*asking)
    mover.stdin.close()
    await mover.wait()
    p99 = statistics.quantiles(load.seconds, n=100)[98] * 1000
    print(
        f"\n{count} promotions under load of 8 connections: {len(load.seconds):,} requests, {len(load.failures)} failed, "
        f"p99 {p99:.2f} ms; the new version answered after {statistics.median(waited):.2f} s (median)"
    )


if __name__ == "__main__":
    main()
