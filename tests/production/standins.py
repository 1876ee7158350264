"""The images of others that docker-compose.yaml and Dockerfile name: from their registry or, where none answers, made here."""

import re
import subprocess
from importlib.metadata import version
from pathlib import Path

from compose import ROOT

HERE = Path(__file__).parent / "images"
STAGES = {"postgres": "postgres", "redis": "redis", "chrislusf/seaweedfs": "seaweedfs"}


def provide(services: list[str]) -> list[str]:
    """See to it that these images are there, and the one that ours is made of; gives the names of those that were made here."""
    base = re.findall(r"(?m)^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"))[-1]
    return [name for name in (base, *services) if not _there(name) and _made(name)]


def _there(name: str) -> bool:
    return any(
        subprocess.run(["docker", *how, name], capture_output=True, check=False).returncode == 0
        for how in (["image", "inspect"], ["pull", "--quiet"])
    )


def _made(name: str) -> bool:
    repository = name.partition(":")[0]
    if repository == "python":
        command = [str(HERE / "python.sh"), name]
    else:
        told = ["--target", STAGES[repository], "--build-arg", f"MOTO={version('moto')}"]
        command = ["docker", "build", "--quiet", "--tag", name, *told, str(HERE)]
    subprocess.run(command, check=True)
    return True
