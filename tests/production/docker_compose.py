"""docker-compose.yaml under a container engine, told by the commands of docs/production.md."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose import ROOT
from engine import eventually

CRASH = "import os, signal; [os.kill(int(p), signal.SIGKILL) for p in open('/proc/1/task/1/children').read().split()]"


def docker(*words: str) -> str:
    """What the command prints.

    Raises:
        AssertionError: it ended with another status than 0. The message is what it said.
    """
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr[-5000:]}"
    return done.stdout


@dataclass(frozen=True)
class Place:
    """The services under a name of their own, which containers, networks and volumes bear too."""

    name: str
    environment: Path  # a file as `make secrets` writes it

    def compose(self, *words: str) -> str:
        project = ["--project-name", self.name, "--env-file", str(self.environment)]
        return docker("compose", *project, "--file", str(ROOT / "docker-compose.yaml"), *words)

    def containers(self, service: str | None = None) -> list[dict[str, Any]]:
        """All of them, or those of a service, those that have ended too: as `docker compose ps --format json` tells of them."""
        found = [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]
        return [container for container in found if service in (None, container["Service"])]

    def images(self) -> list[str]:
        return sorted(set(self.compose("config", "--images").split()))

    def run(self, *command: str) -> str:
        """In a worker, which has the login that may change something."""
        return self.compose("exec", "--no-TTY", "worker", *command)

    def healthy(self) -> None:
        """Wait until every service is, and `init` has ended well."""
        eventually(f"healthy services of {self.name}", lambda: all(_well(c) for c in self.containers()), between=1.0)

    def down(self) -> None:
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "0")


def _well(container: dict[str, Any]) -> bool:
    if container["Service"] == "init":
        return (container["State"], container["ExitCode"]) == ("exited", 0)
    return container["Health"] == "healthy"


def crash(container: str) -> None:
    """Every process of it is gone at once, and it is started again. What `docker kill` ends counts as stopped by a person."""
    before = starts(container)
    subprocess.run(
        ["docker", "exec", container, "python", "-c", CRASH], capture_output=True, check=False
    )  # it dies too
    eventually(f"{container} started again", lambda: starts(container) > before)


def starts(container: str) -> int:
    """How often it was started again by its restart policy."""
    return int(docker("inspect", "--format", "{{.RestartCount}}", container))
