"""The page "Your own data in ten minutes", word for word: each command as it stands there, and what the page says it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    page = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    return [(kind, content) for kind, content in BLOCK.findall(page)]


def tells(printed: str, line: str) -> bool:
    """Whether a line of what was printed is this one; `…` stands for anything."""
    wanted = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
    return any(re.fullmatch(wanted, " ".join(found.split())) for found in printed.splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder in which `.venv/bin/shotclock` is what it is in the checkout, and the environment of a new user."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOTCLOCK_", "MLFLOW_"))}
    return tmp_path, kept | {"SHOTCLOCK_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "COLUMNS": "500"}


def test_every_command_works_and_prints_what_the_page_says(checkout: tuple[Path, dict[str, str]]) -> None:
    folder, environment = checkout
    printed, compared = "", 0
    for kind, content in blocks():
        if kind == "sh":
            script = ["bash", "-e", "-c", content]
            done = subprocess.run(script, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{content}\n{done.stdout}\n{done.stderr}"
            printed = done.stdout
            continue
        said = [line.strip() for line in content.splitlines() if line.strip(" …")]
        assert [line for line in said if not tells(printed, line)] == [], printed
        compared += len(said)
    assert compared > 20
    assert (folder / "data" / "rain" / "predictions" / "resultado_pipeline.parquet").is_file()


def test_the_guesses_on_the_page_are_of_the_file_that_it_makes() -> None:
    """A page without commands or without outputs would pass the test above."""
    kinds = [kind for kind, _ in blocks()]
    assert kinds.count("sh") == 6
    assert kinds.count("text") == 4
