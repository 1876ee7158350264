"""The settings: what the surroundings decide. The only module that reads the environment."""

import os
from collections.abc import Mapping
from pathlib import Path

from shotclock.config.sections import Section
from shotclock.errors import ConfigError
from shotclock.files.addresses import Address, at


class Settings(Section):
    """What the surroundings decide: folders and addresses. Everything else stands in the project file."""

    home: Path
    data: Address
    projects: Path
    data_source: Address | None
    tracking_uri: str
    artifacts: str


def settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read `SHOTCLOCK_HOME`, `SHOTCLOCK_DATA`, `SHOTCLOCK_PROJECTS`, `SHOTCLOCK_DATA_DIR` and `MLFLOW_TRACKING_URI`."""
    env = os.environ if environment is None else environment
    home = Path(env.get("SHOTCLOCK_HOME") or Path(__file__).parents[3]).resolve()
    mlflow = home / "var" / "mlflow"
    source = env.get("SHOTCLOCK_DATA_DIR")
    return Settings(
        home=home,
        data=at(env.get("SHOTCLOCK_DATA") or "data", home),
        projects=_local("SHOTCLOCK_PROJECTS", at(env.get("SHOTCLOCK_PROJECTS") or "include/projects", home)),
        data_source=at(source, home).resolve() if source else None,
        tracking_uri=env.get("MLFLOW_TRACKING_URI") or f"sqlite:///{mlflow / 'mlflow.db'}",
        artifacts=env.get("SHOTCLOCK_ARTIFACTS") or str(mlflow / "artifacts"),
    )


def _local(name: str, address: Address) -> Path:
    if not isinstance(address, Path):
        raise ConfigError(f"{name}: found {address}, allowed: a folder of this machine: it is read each time a DAG is")
    return address
