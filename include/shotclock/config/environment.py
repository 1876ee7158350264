"""The settings: what the surroundings decide. The only module that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from shotclock.config.sections import Section
from shotclock.errors import ConfigError
from shotclock.files.addresses import Address, at

_CHECKOUT = Path(__file__).parents[3]
_PYCARET = _CHECKOUT / ".venv-pycaret" / "bin" / "python"  # not resolved: by this very name it knows its libraries


class Settings(Section):
    """What the surroundings decide: folders and addresses. Everything else stands in the project file."""

    home: Path
    data: Address
    projects: Path
    data_source: Address | None
    only: str | None
    """The one project that gets DAGs; None: all of them."""
    tracking_uri: str
    artifacts: str
    pycaret_python: Path
    allowed: tuple[str, ...] = ()
    """Folders and prefixes below which who triggers a DAG may name files, besides `data/raw`."""
    dashboard_password: str | None = Field(None, repr=False)
    dashboard_alone: bool = False
    mlflow_ui: str = "http://127.0.0.1:5000"
    """MLflow's UI, as a reader's browser reaches it."""


def settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read `SHOTCLOCK_HOME`, `SHOTCLOCK_DATA`, `SHOTCLOCK_PROJECTS`, `SHOTCLOCK_DATA_DIR` …: see `.env.example`.

    Raises:
        ConfigError: one of them is not what it must be; the message says which.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("SHOTCLOCK_HOME") or _here()).resolve()
    if not {"?", "%", "#"}.isdisjoint(str(home)):
        raise ConfigError(
            f"SHOTCLOCK_HOME: found {home}, allowed: a path without ?, % and #: MLflow's addresses hold it"
        )
    mlflow = home / "var" / "mlflow"
    source = env.get("SHOTCLOCK_DATA_DIR")
    return Settings(
        home=home,
        data=at(env.get("SHOTCLOCK_DATA") or "data", home),
        projects=_local("SHOTCLOCK_PROJECTS", at(env.get("SHOTCLOCK_PROJECTS") or "include/projects", home)),
        data_source=at(source, home).resolve() if source else None,
        only=env.get("SHOTCLOCK_ONLY") or None,
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlflow / 'mlflow.db'}",
        artifacts=env.get("SHOTCLOCK_ARTIFACTS") or str(mlflow / "artifacts"),
        pycaret_python=home / (env.get("SHOTCLOCK_PYCARET_PYTHON") or _PYCARET),
        allowed=_allowed(env.get("SHOTCLOCK_ALLOWED_ADDRESSES") or ""),
        dashboard_password=env.get("SHOTCLOCK_DASHBOARD_PASSWORD"),
        mlflow_ui=(env.get("SHOTCLOCK_MLFLOW_UI") or "http://127.0.0.1:5000").rstrip("/"),
        dashboard_alone=_yes("SHOTCLOCK_DASHBOARD_ALONE", env.get("SHOTCLOCK_DASHBOARD_ALONE") or "0"),
    )


def _here() -> Path:
    """The checkout; the current folder, where the package was installed without one."""
    return _CHECKOUT if (_CHECKOUT / "include" / "shotclock").is_dir() else Path.cwd()


def _allowed(text: str) -> tuple[str, ...]:
    """The whole addresses in a list with commas."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for address in found:
        if not ("://" in address or address.startswith("/")) or "::" in address or ".." in address.split("/"):
            raise ConfigError(
                f"SHOTCLOCK_ALLOWED_ADDRESSES: found '{address}', allowed: whole addresses with commas between them, such as "
                "/srv/exports,s3://bucket/folder"
            )
    return found


def _yes(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise ConfigError(f"{name}: found '{text}', allowed: 0 or 1")
    return text == "1"


def _local(name: str, address: Address) -> Path:
    if not isinstance(address, Path):
        raise ConfigError(f"{name}: found {address}, allowed: a folder of this machine: it is read each time a DAG is")
    return address
