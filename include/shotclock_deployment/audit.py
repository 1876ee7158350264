"""Known vulnerabilities of what a lock holds: `python -m shotclock_deployment.audit requirements.txt`, or `make audit`.

pip-audit asks a service about each package. Where the service knows nothing of one, or answers everything with nothing, it
says "No known vulnerabilities found" and ends with 0. Here silence proves nothing: every package of the lock must have been
looked up, and so must `_KNOWN`, of which the service has to know something.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Pin = tuple[str, str]
"""A package's canonical name, and its version."""

_KNOWN: Pin = ("pyyaml", "5.3")
"""CVE-2020-14343 and others, on record since 2020."""


def main(lock: Path, options: Sequence[str]) -> str:
    """What is known of the lock's packages, for every Python that it is for; ends the process with 1 where that is not nothing.

    Args:
        options: handed on to pip-audit, such as `--ignore-vuln ID` or `--vulnerability-service osv`.
    """
    wanted = pins(lock.read_text("utf-8"))
    found = [one for part in _apart([*wanted, _KNOWN]) for one in _looked_up(part, options)]
    faults = judged(wanted, found)
    if faults:
        sys.exit("\n".join(f"{lock}: {fault}" for fault in faults))
    return f"{lock}: {len(wanted)} packages looked up, none with a known vulnerability"


def pins(text: str) -> list[Pin]:
    """What a lock holds, each package once for each version that some Python gets."""
    lines = map(Requirement, re.findall(r"^[A-Za-z0-9].*?==[^\s;\\]+", text, re.MULTILINE))
    return sorted({(canonicalize_name(line.name), str(line.specifier)[2:]) for line in lines})


def judged(wanted: Sequence[Pin], found: Sequence[dict[str, Any]]) -> list[str]:
    """What speaks against the packages, or against believing the answer: nothing, where all of them are in order.

    Args:
        found: pip-audit's `dependencies`: each with `name`, and `version` and `vulns`, or the reason why it was skipped.
    """
    told: dict[Pin, list[dict[str, Any]]] = {
        (canonicalize_name(one["name"]), one["version"]): one["vulns"] for one in found if "vulns" in one
    }
    silent = [f"{name} {version}" for name, version in wanted if (name, version) not in told]
    faults = [
        f"{name} {version}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for name, version in wanted
        for one in told.get((name, version), ())
    ]
    if silent:
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        faults.append(f"{len(silent)} of {len(wanted)} packages could not be looked up: {', '.join(silent[:5])}{more}")
    if not told.get(_KNOWN):
        faults.append(
            f"the service told nothing of {' '.join(_KNOWN)}, which has known vulnerabilities: its silence proves nothing; "
            "ask another one (`--vulnerability-service osv`)"
        )
    return faults


def _apart(wanted: Sequence[Pin]) -> list[dict[str, str]]:
    """The same packages in several parts, each with its version: pip-audit takes no package twice."""
    parts: list[dict[str, str]] = []
    for name, version in wanted:
        part = next((part for part in parts if name not in part), None)
        if part is None:
            parts.append(part := {})
        part[name] = version
    return parts


def _looked_up(part: dict[str, str], options: Sequence[str]) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text("".join(f"{name}=={version}\n" for name, version in part.items()), "utf-8")
        asked = [
            "--requirement",
            str(file),
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
        ]
        command = [sys.executable, "-m", "pip_audit", *asked, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        sys.exit(f"nothing was looked up: {done.stderr[-2000:].strip()}")
    return found


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2:]) + "\n")
