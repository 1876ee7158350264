"""What GitHub reads of this repository is what its formats allow, and its workflow runs what everybody runs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
FORMATS = {
    "workflows/ci.yml": "vendor.github-workflows",
    "dependabot.yml": "vendor.dependabot",
    "ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/feature.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}
WORKFLOW = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text("utf-8"))
STEPS: list[dict[str, Any]] = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_file_is_of_a_known_format() -> None:
    assert sorted(FORMATS) == sorted(str(path.relative_to(GITHUB)) for path in GITHUB.rglob("*.yml"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_is_what_its_format_allows(name: str) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", FORMATS[name]]
    done = subprocess.run([*check, GITHUB / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_runs_what_continuous_integration_runs_here() -> None:
    assert {"run": ".ci/run"} in WORKFLOW["jobs"]["test"]["steps"]


def test_the_workflow_may_only_read_and_no_step_keeps_a_token() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in WORKFLOW["jobs"].values())
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(WORKFLOW["jobs"])
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_action_is_pinned_to_a_commit() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert [name for name in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name)] == []


def test_every_python_of_the_project_has_its_unit_tests_run() -> None:
    stated = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"])
    oldest, *between, newest = [f"3.{minor}" for minor in range(30) if stated.contains(f"3.{minor}.0")]
    assert WORKFLOW["jobs"]["test"]["container"]["image"].startswith(f"python:{oldest}-")
    assert WORKFLOW["jobs"]["between"]["strategy"]["matrix"]["python"] == between
    assert f"make test-python WITH={newest}\n" in (ROOT / ".ci" / "run").read_text("utf-8")
