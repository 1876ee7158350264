"""The notebooks that the project keeps: without outputs, in plain Python; and the lock of their environment."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert [cell["id"] for cell in cells if cell["outputs"] or cell["execution_count"] is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_its_cells_are_plain_python_and_the_pages_that_it_names_are_there(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    by_kind: dict[str, list[str]] = {"code": [], "markdown": []}
    for cell in notebook["cells"]:
        by_kind[cell["cell_type"]].append("".join(cell["source"]))
    for source in by_kind["code"]:
        compile(source, path.name, "exec")
    links = re.findall(r"\]\(([^)#\s]+)", "\n".join(by_kind["markdown"]))
    assert [link for link in links if not (path.parent / link).exists()] == []


def _locked(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / name).read_text("utf-8"), re.M):
        found.setdefault(package, set()).add(version)
    return found


def test_what_jupyterlabs_environment_shares_with_the_other_one_has_its_version() -> None:
    ours, jupyters = _locked("requirements.txt"), _locked("requirements-notebook.txt")
    shared = jupyters.keys() & ours.keys()
    assert {"httpx", "jinja2", "tornado"} <= shared and "jupyterlab" in jupyters.keys() - ours.keys()
    assert {name: jupyters[name] for name in shared if not jupyters[name] <= ours[name]} == {}
