"""What the surroundings decide, and where it is when they say nothing."""

from pathlib import Path

import pytest

from shotclock.config import settings
from shotclock.errors import ConfigError


def test_data_may_lie_in_an_object_store_and_project_files_may_not(tmp_path: Path) -> None:
    given = {"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_DATA": "s3://bucket/a", "SHOTCLOCK_DATA_DIR": "s3://bucket/b"}
    found = settings(given)
    assert (str(found.data), str(found.data_source)) == ("s3://bucket/a", "s3://bucket/b")
    assert settings({"SHOTCLOCK_HOME": "/", "SHOTCLOCK_DATA": "file:///data"}).data == Path("/data")
    with pytest.raises(ConfigError, match="SHOTCLOCK_PROJECTS: found s3://bucket/c, allowed: a folder of this machine"):
        settings(given | {"SHOTCLOCK_PROJECTS": "s3://bucket/c"})


def test_settings_lie_under_the_home_folder_unless_the_environment_says_otherwise(tmp_path: Path) -> None:
    plain = settings({"SHOTCLOCK_HOME": str(tmp_path)})

    assert plain.data == tmp_path / "data"
    assert plain.projects == tmp_path / "include" / "projects"
    assert plain.data_source is None
    assert plain.tracking_uri == f"sqlite:///{tmp_path}/var/mlflow/mlflow.db"


def test_relative_folders_are_meant_from_the_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = settings({"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_DATA": "rows", "SHOTCLOCK_DATA_DIR": "../shared"})

    assert found.data == home / "rows"
    assert found.data_source == tmp_path / "shared"


def test_empty_variables_count_as_unset(tmp_path: Path) -> None:
    empty = {"SHOTCLOCK_DATA": "", "SHOTCLOCK_DATA_DIR": "", "MLFLOW_TRACKING_URI": ""}

    assert settings({"SHOTCLOCK_HOME": str(tmp_path), **empty}) == settings({"SHOTCLOCK_HOME": str(tmp_path)})
