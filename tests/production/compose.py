"""docker-compose.yaml as data: interpolated, with what each service runs. As much of the Compose specification as it uses."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text("utf-8")
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<text>[^}]*))?\})")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class RefusedError(Exception):
    """What Compose would refuse to start."""


@dataclass(frozen=True)
class Check:
    """A health check."""

    command: list[str]
    timeout: float
    patience: float  # seconds until a service that never answers well counts as unhealthy

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Check":
        kind, *words = content["test"]
        assert kind in ("CMD", "CMD-SHELL"), kind
        command = words if kind == "CMD" else ["/bin/sh", "-c", *words]
        patience = seconds(content["start_period"]) + content["retries"] * seconds(content["interval"])
        return cls(command, seconds(content["timeout"]), patience)


@dataclass(frozen=True)
class Service:
    name: str
    image: str
    ours: bool
    command: list[str]
    environment: dict[str, str]
    volumes: list[tuple[str, str, bool]]  # source, target, read-only
    needs: dict[str, str]  # service -> condition
    restart: str
    check: Check | None


def load(text: str, environment: Mapping[str, str], root: Path = ROOT) -> dict[str, Service]:
    """The services of a compose file that its profiles let start.

    Raises:
        RefusedError: a variable is not set that must be.
    """
    content = interpolated(yaml.safe_load(text), environment)
    profiles = set(environment.get("COMPOSE_PROFILES", "").split(","))
    chosen = {
        name: service
        for name, service in content["services"].items()
        if not service.get("profiles") or profiles & set(service["profiles"])
    }
    return {name: _service(name, service, chosen, root) for name, service in chosen.items()}


def interpolated(node: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: interpolated(value, environment) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, environment) for value in node]
    return _VARIABLE.sub(lambda found: _value(found, environment), node) if isinstance(node, str) else node


def _value(found: re.Match[str], environment: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    value = environment.get(found["name"], "")
    if not value and found["how"] == ":?":
        raise RefusedError(f"{found['name']} {found['text']}")
    return value or (found["text"] if found["how"] == ":-" else "")


def _service(name: str, content: dict[str, Any], chosen: Mapping[str, Any], root: Path) -> Service:
    command, file = content["command"], content.get("env_file")
    environment = dotenv_values(root / file, interpolate=False) if file else {}
    environment |= {key: str(value) for key, value in content.get("environment", {}).items()}
    needs = {
        other: how["condition"]
        for other, how in content.get("depends_on", {}).items()
        if other in chosen or how.get("required", True)
    }
    return Service(
        name=name,
        image=content["image"],
        ours=content["image"] in {service["image"] for service in chosen.values() if "build" in service},
        command=shlex.split(command) if isinstance(command, str) else command,
        environment={key: str(value) for key, value in environment.items()},
        volumes=[_volume(volume, root) for volume in content.get("volumes", [])],
        needs=needs,
        restart=content["restart"],
        check=Check.of(content["healthcheck"]) if "healthcheck" in content else None,
    )


def _volume(text: str, root: Path) -> tuple[str, str, bool]:
    source, target, *mode = text.split(":")
    return str(root / source) if source.startswith((".", "/")) else source, target, mode == ["ro"]


def seconds(text: str) -> float:
    return float(text[:-1]) * _SECONDS[text[-1]]


@dataclass(frozen=True)
class Image:
    """The last stage of our Dockerfile, as far as it can be laid out without building it."""

    folder: str
    environment: dict[str, str]
    copies: list[tuple[str, str]]  # of the checkout, into the folder
    commands: list[str]  # that make folders
    user: str

    @classmethod
    def of(cls, text: str) -> "Image":
        folder, user, environment, copies, commands = "/", "0", {}, [], []
        for word, rest in _instructions(text.rpartition("\nFROM ")[2]):
            if word == "WORKDIR":
                folder = rest
            elif word == "USER":
                user = rest
            elif word == "ENV":
                environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            elif word == "COPY":
                source, target = [part for part in rest.split() if not part.startswith("--")]
                copies.append((source.removeprefix(f"{folder}/"), target))
            elif word == "RUN":
                commands += [part.strip() for part in rest.split("&&") if part.split()[0] == "install"]
        return cls(folder, environment, copies, commands, user)


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines()[1:] if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]
