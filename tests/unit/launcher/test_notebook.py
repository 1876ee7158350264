"""JupyterLab as it is started: on loopback, on the example, with the store of every other command."""

import os
from pathlib import Path

import pytest

from shotclock_launcher.commands.notebook import notebook
from shotclock_launcher.layout import CHECKOUT, Layout


def test_it_listens_on_loopback_and_sees_the_store_of_every_other_command(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Path, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *what: started.append(what))
    notebook(layout)
    ((program, command, env),) = started
    assert (program, command[1:3]) == (CHECKOUT / ".venv-notebook" / "bin" / "python", ["-m", "jupyterlab"])
    assert "--ServerApp.ip=127.0.0.1" in command
    assert not [option for option in command if "token" in option or "password" in option]
    folder = Path(next(option for option in command if "root_dir" in option).partition("=")[2])
    example = next(option for option in command if "default_url" in option).partition("/lab/tree/")[2]
    assert (folder / example).is_file()
    home = str(layout.settings.home)
    assert (env["SHOTCLOCK_HOME"], env["MLFLOW_TRACKING_URI"]) == (home, layout.settings.tracking_uri)
    kept = {env[f"JUPYTER_{kind}_DIR"] for kind in ("CONFIG", "DATA", "RUNTIME")} | {env["IPYTHONDIR"]}
    assert all(place.startswith(f"{home}/var/jupyter/") for place in kept)
