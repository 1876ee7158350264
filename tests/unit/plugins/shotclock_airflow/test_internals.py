"""Only `internals.py` reaches into Airflow; what it does there is tried in `tests/dags/test_internals.py`. No Airflow here."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
INTERNALS = ROOT / "plugins" / "shotclock_airflow" / "internals.py"
PUBLIC = (  # what Airflow's page "Public Interface" and its guides to plugins, listeners and extra links name
    "airflow.configuration",
    "airflow.listeners",
    "airflow.models.taskinstancekey",
    "airflow.plugins_manager",
    "airflow.providers.slack.hooks",
    "airflow.providers.smtp.hooks",
    "airflow.providers.standard.operators",
    "airflow.sdk.configuration",
    "airflow.sdk.exceptions",
    "airflow.triggers.base",
)
SOURCES = [path for folder in ("plugins", "dags", "config") for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(source: str) -> set[str]:
    """The modules that are imported, wherever it says so."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def private(source: str) -> set[str]:
    """The modules of Airflow's that are imported, and are not public."""
    airflows = {name for name in imported(source) if name == "airflow" or name.startswith("airflow.")}
    return {name for name in airflows - {"airflow.sdk"} if not name.startswith(PUBLIC)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_airflows_inside_is_reached_through_one_file(path):
    assert path == INTERNALS or private(path.read_text("utf-8")) == set()


def test_what_is_private_is_known_wherever_it_is_imported():
    assert private(
        "def f():\n    from airflow.models.pool import Pool\nimport airflow.settings\nimport airflow.sdk"
    ) == {
        "airflow.models.pool",
        "airflow.settings",
    }


def test_the_file_itself_imports_nothing_of_airflow_before_it_is_asked():
    top = [
        node for node in ast.parse(INTERNALS.read_text("utf-8")).body if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert not any("airflow" in name for node in top for name in imported(ast.unparse(node)))


def test_every_package_of_ours_stands_under_the_import_contracts():
    found = set()
    for folder in (ROOT / name for name in ("include", "dags", "plugins", "dashboard")):
        packages = {path.parent for path in folder.rglob("__init__.py")}
        found |= {".".join(path.relative_to(folder).parts) for path in packages if path.parent not in packages}
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["root_packages"]
    assert found == set(listed)
