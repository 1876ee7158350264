"""The pages say what the code says: every key of the project file, every setting, every link."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from shotclock import config

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data" / "README.md"])
COURT: Any = sys.modules[type(config.load_project(ROOT / "include" / "projects" / "kobe_shots.yaml")).__module__]
SECTIONS: dict[str, type[BaseModel]] = {
    "The file itself": config.Project,
    "data": config.Data,
    "data.package": config.PackageTable,
    "columns": config.Columns,
    r"columns.features.\<column\>": config.Feature,
    "quarantine": config.Quarantine,
    "scoring": config.Scoring,
    "split": config.Split,
    "training": config.Training,
    "gate": config.GateRules,
    "drift": config.DriftRules,
    "degradation": config.DegradationRules,
    "retraining": config.RetrainingRules,
    r"slices.\<name\>": config.Slice,
    "notify": config.NotifyRules,
    "demonstration": COURT.Demonstration,
    "demonstration.court": COURT.Court,
    "demonstration.court.x and y": COURT.Axis,
}
CODE = [ROOT / folder for folder in ("include", "plugins", "dags", "dashboard", "benchmarks")]
NO_SETTINGS = {"SHOTCLOCK_STACK"}  # a mark that the launcher puts on its own processes

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_VARIABLE = re.compile(r"\b(?:SHOTCLOCK_[A-Z_]+|MLFLOW_TRACKING_URI)\b")


def _documented() -> dict[str, dict[str, str]]:
    """The page's tables: section, key, default."""
    page = (ROOT / "docs" / "project-file.md").read_text(encoding="utf-8")
    found = {}
    for part in page.split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "| `" in line[:3]
        ]
        found[title] = {row[0].strip("`| "): row[2].strip("`") for row in rows}
    return found


def _defaults(section: type[BaseModel]) -> dict[str, str]:
    return {name: _shown(field.default) for name, field in section.model_fields.items()}


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if default is None:
        return "none"
    if isinstance(default, BaseModel):
        return "see below"
    return f"[{', '.join(default)}]" if isinstance(default, tuple) else str(default)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_of_the_project_file_is_documented_with_its_default(title: str) -> None:
    assert _documented()[title] == _defaults(SECTIONS[title])


def test_every_section_of_the_project_file_is_documented() -> None:
    assert list(_documented()) == list(SECTIONS)


def test_every_setting_that_the_code_names_stands_in_the_readme() -> None:
    files = [path for folder in CODE for path in folder.rglob("*") if path.suffix in (".py", ".sh")]
    named = {name for path in files for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    documented = set(_VARIABLE.findall((ROOT / "README.md").read_text(encoding="utf-8")))

    assert named - NO_SETTINGS == documented


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]

    assert [link for link in links if not _leads_somewhere(page, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    address, _, anchor = link.partition("#")
    target = (page.parent / address).resolve() if address else page
    if not target.exists():
        return False
    return not anchor or anchor in {_anchor(title) for title in _HEADING.findall(target.read_text(encoding="utf-8"))}


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda path: path.name)
def test_every_page_can_be_found_from_the_start_page(page: Path) -> None:
    start = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    assert page.name == "index.md" or page.name in _LINK.findall(start)


def test_each_dag_and_task_says_what_its_failure_means():
    sections = (ROOT / "dags" / "shotclock_dags" / "tasks.md").read_text("utf-8").split("\n## ")[1:]
    assert sections
    assert [section.partition("\n")[0] for section in sections if "**If it fails**" not in section] == []
