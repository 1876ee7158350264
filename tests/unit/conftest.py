"""What tests of steps and flows share: bad files, and the state that others see."""

import io
import sys

import pytest

from shotclock.config import settings
from shotclock.files import storage  # MLflow, which takes seconds, is imported where it is needed


@pytest.fixture
def put():
    """`put(rows, "bad.parquet")`: write a raw file and give its name."""

    def write(rows, name="given.parquet"):
        rows.to_parquet(settings().data / "raw" / name)
        return name

    return write


@pytest.fixture
def published():
    """`published()`: what readers find: where the links point, the aliases, the digest of everything behind the links."""

    from shotclock.store import registry

    def look():
        folder = settings().data / "shots"
        links = {link.name: str(link.readlink()) for link in sorted(folder.glob("*")) if link.is_symlink()}
        aliases = [registry.by_alias("shots", alias) for alias in (registry.CHAMPION, registry.PREVIOUS)]
        return links, [version and version.number for version in aliases], {n: digests(folder / n) for n in links}

    return look


def digests(folder):
    return {str(path.relative_to(folder)): storage.digest(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def files():
    """`files(folder)`: the digest of every file below a folder."""
    return digests


@pytest.fixture
def mlflow_runs():
    """`mlflow_runs()`: the name and status of each MLflow run of the project that is not deleted."""

    from mlflow import MlflowClient

    from shotclock.store.client import experiment_id

    def look():
        found = MlflowClient(settings().tracking_uri).search_runs([experiment_id("shots")])
        return sorted((run.data.tags["shotclock.key"], run.info.run_name, run.info.status) for run in found)

    return look


class _Here:
    """The process that loads a model back, as a part of this one: the same check without the seconds of a new process."""

    returncode = 0

    def __init__(self, command, **_):
        assert command == [sys.executable, "-m", "shotclock.store.verify"]

    def communicate(self, asked=None):
        from shotclock.store import verify

        sys.stdin = io.StringIO(asked)
        return f"{verify.main()!r}\n" if asked else "", ""

    def kill(self):
        pass


@pytest.fixture(scope="session")
def _verifier():
    """The class that the fixture `at` replaces."""
    from shotclock.store import verify

    return verify.Verifier


@pytest.fixture
def load_back_here(_verifier, at, monkeypatch):
    """Registered models are loaded back and compared, in this process."""
    from shotclock.store import verify

    monkeypatch.setitem(sys.modules, "pycaret", None)
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(verify, "Verifier", _verifier)
    monkeypatch.setattr(verify.subprocess, "Popen", _Here)
