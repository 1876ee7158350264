"""The pages say what the code says: DAGs, tasks, commands, targets, keys, settings, modules, files, ports, links."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from shotclock import config
from shotclock.cli import app
from shotclock.cli.common import EXIT_CODES
from shotclock_launcher import layout

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "data" / "README.md"])
COURT: Any = sys.modules[type(config.load_project(ROOT / "include" / "projects" / "kobe_shots.yaml")).__module__]
SECTIONS: dict[str, type[BaseModel]] = {
    "The file itself": config.Project,
    "data": config.Data,
    "data.package": config.PackageTable,
    "columns": config.Columns,
    r"columns.features.\<column\>": config.Feature,
    "reading": config.Reading,
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
    "cost": config.Cost,
    "demonstration": COURT.Demonstration,
    "demonstration.court": COURT.Court,
    "demonstration.court.x and y": COURT.Axis,
}
CODE = [ROOT / folder for folder in ("include", "plugins", "dags", "dashboard", "benchmarks")]
NO_SETTINGS = {"SHOTCLOCK_STACK", "SHOTCLOCK_SERVICE"}  # marks that the launcher puts on its own processes
PATHS = [ROOT / folder for folder in ("include", "plugins", "dags", "dashboard")]  # where modules lie
NO_MODULES = {  # names of MLflow tags, of a parquet file's metadata, and of a logger
    *(f"shotclock.{name}" for name in ("cause", "key", "kind", "model_card", "synthetic", "notify")),
}
PAST = {ROOT / "CHANGELOG.md"}  # what it says was true once
READERS_OWN = {"include/projects/rain.yaml"}  # a file that a page has its reader make
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
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
    if default == "":
        return "nothing"
    if isinstance(default, bool):
        return str(default).lower()
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


def _text(page: Path | str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the page's table whose first column is called so, without its head."""
    lines = iter(_text(page).splitlines())
    assert any(line.startswith(f"| {heading} |") for line in lines), f"{page} has no table '{heading}'"
    rows = [line.strip("| ").split(" | ") for line in iter(lambda: next(lines, ""), "")]
    return rows[1:]


def _shell(page: Path) -> str:
    """What a page tells to type: its code, in the text and in lines of its own."""
    text = _text(page)
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*_SPAN.findall(text), *re.findall(r"^ {4}(.*)$", text, re.MULTILINE), *fenced])


FLOWS = {
    flow: path
    for path in sorted(ROOT.glob("dags/*.py"))
    for flow in re.findall(r'^ +f"\{name\}\.(\w+)",$', path.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_every_page_knows_how_many_dags_a_project_has() -> None:
    told = {
        (page.name, NUMBERS.index(number.lower()))
        for page in PAGES
        for number in re.findall(rf"(?i)\b({'|'.join(NUMBERS)})\s+DAGs\b", _text(page))
    }
    projects = len(list(ROOT.glob("include/projects/*.yaml")))

    assert ("README.md", len(FLOWS)) in told
    assert {(page, number) for page, number in told if number not in (len(FLOWS), projects * len(FLOWS))} == set()


def test_the_pages_list_every_dag() -> None:
    drawn = re.findall(r"<b>(\w+)</b>", _text("README.md"))

    assert [row[0] for row in _rows("docs/flow.md", "DAG")] == [f"`<project>.{flow}`" for flow in drawn]
    assert sorted(drawn) == sorted(FLOWS)


def test_the_pages_list_every_task() -> None:
    documented = re.findall(r"^## (\w+)$", _text("dags/shotclock_dags/tasks.md"), re.MULTILINE)
    told = {
        task
        for _, tasks, _ in _rows("docs/flow.md", "DAG")
        for task in re.findall(r"\w+", re.sub(r"\(.*?\)", "", tasks))
    }

    assert told | set(FLOWS) == set(documented)


def test_the_pages_list_every_kind_of_mlflow_run_by_the_name_that_it_has() -> None:
    from shotclock.store.records import KINDS

    rows = _rows("docs/flow.md", "kind")

    assert [row[0] for row in rows] == [f"`{record.kind}`" for record in KINDS]
    assert [record.run_name for record, row in zip(KINDS, rows, strict=True) if record.run_name not in row[1]] == []


def test_the_readme_lists_every_command() -> None:
    listed = [span.split()[0] for row in _rows("README.md", "command") for span in _SPAN.findall(row[0])]

    assert sorted(listed) == sorted(COMMANDS)


COMMANDS = {command.name for command in app.registered_commands}
TARGETS = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_commands_and_targets_that_there_are(page: Path) -> None:
    commands = set(re.findall(r"(?:^|bin/|[;&|] )shotclock ([a-z][a-z-]*)", _shell(page), re.MULTILINE))
    targets = set(re.findall(r"(?:^|[;&|] )make ([a-z][a-z-]*)", _shell(page), re.MULTILINE))

    assert commands - COMMANDS == set()
    assert targets - TARGETS == set()


def test_every_target_stands_on_a_page_and_is_phony() -> None:
    told = {target for page in PAGES for target in re.findall(r"\bmake ([a-z][a-z-]*)", _shell(page))}
    phony = re.search(r"^\.PHONY: (.*)$", _text("Makefile"), re.MULTILINE)

    assert TARGETS - told == set()
    assert phony and set(phony[1].split()) == TARGETS


def test_the_exit_codes_are_those_that_the_commands_tell() -> None:
    assert [row[0] for row in _rows("docs/command-line.md", "code")] == re.findall(r"(\d+): ", EXIT_CODES)


def test_the_readme_lists_every_section_of_the_project_file() -> None:
    listed = [span for row in _rows("README.md", "section") for span in _SPAN.findall(row[0])]

    assert sorted(listed) == sorted(config.Project.model_fields.keys() - {"name", "title"})


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_names_keys_of_the_project_file_that_there_are(page: Path) -> None:
    tables = _documented()
    spans = "\n".join(_SPAN.findall(_text(page)))
    named = re.findall(r"^([a-z]+)\.(?!json$|parquet$)([a-z_]+)$", spans, re.MULTILINE)

    assert [f"{section}.{key}" for section, key in named if key not in tables.get(section, {key})] == []


def test_the_recipes_for_contributors_name_constants_functions_and_classes_that_there_are() -> None:
    named = set(re.findall(r"`(_?[A-Z][A-Za-z_]{2,}|_[a-z_]+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    code = "\n".join(path.read_text("utf-8") for folder in [*CODE, ROOT / "tests"] for path in folder.rglob("*.py"))
    words = set(re.findall(r"\w+", code.replace((ROOT / "tests/unit/test_docs.py").read_text("utf-8"), "")))

    assert {"SPACES", "_steps", "KINDS"} <= named
    assert named - words == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page not in PAST], ids=lambda path: path.name)
def test_a_page_names_modules_that_there_are(page: Path) -> None:
    named = set(re.findall(r"\bshotclock(?:_[a-z]+)?(?:\.[A-Za-z_]+)+", "\n".join([_shell(page), _text(page)])))

    assert {name for name in named - NO_MODULES if not _is_python(name.removesuffix(".py"))} == set()


def _is_python(name: str) -> bool:
    """Whether it is a module of ours, or something that is defined in one; nothing is imported for that."""
    place = name.replace(".", "/")
    if any((root / f"{place}.py").is_file() or (root / place / "__init__.py").is_file() for root in PATHS):
        return True
    above, _, last = name.rpartition(".")
    sources = [
        path
        for root in PATHS
        for path in (root / f"{above.replace('.', '/')}.py", root / above.replace(".", "/") / "__init__.py")
        if path.is_file()
    ]
    there = rf"^(?:class|def) {last}\b|^{last}\b.* = |^    {last},$|^from .* import .*\b{last}\b"
    return any(re.search(there, path.read_text("utf-8"), re.M) for path in sources)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in PAST], ids=lambda path: path.name)
def test_a_page_names_files_of_the_repository_that_there_are(page: Path) -> None:
    folders = "include|plugins|dags|dashboard|notebooks|tests|docs|benchmarks|config|helm"
    named = re.findall(rf"^(?:{folders})/[\w./-]*$", "\n".join(_SPAN.findall(_text(page))), re.MULTILINE)

    assert [name for name in named if not (ROOT / name).exists() and name not in READERS_OWN] == []


def test_the_readme_shows_the_repository_as_it_is() -> None:
    tree = _text("README.md").partition("\n## The repository\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^ {4}( *)((?:[a-z_]+/ ?)+)", tree, re.MULTILINE)
    shown: dict[int, list[str]] = {}
    for indent, names in lines:
        shown.setdefault(len(indent), []).extend(names.replace("/", " ").split())
    floors = [path.parent.name for path in ROOT.glob("include/shotclock/*/__init__.py")]
    rooms = [path.name for path in (ROOT / "include").iterdir() if path.suffix != ".egg-info"]

    assert {name for name in shown[0] if not (ROOT / name).is_dir()} <= {"var"}
    assert sorted(shown[2]) == sorted(set(rooms) - {"__pycache__"})
    assert sorted(shown[4]) == sorted(floors)


def test_a_port_in_an_example_is_no_other_services_own() -> None:
    own = {str(port): name for name, port in vars(layout).items() if name.endswith("_PORT")}
    taken = [
        f"{page.name}: {name}={port}"
        for page in PAGES
        for name, port in re.findall(r"((?:[A-Z]+_)?PORT|--port)[= ](\d+)", _shell(page))
        if port in own
    ]

    assert taken == []
