"""MLflow's login: Airflow's one user, told to MLflow's server alone, and made anew at each start."""

import configparser
import stat
from pathlib import Path

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import mlflow_login
from shotclock_launcher.running.credentials import Login
from shotclock_launcher.running.services import airflow_services, dashboard_service, mlflow_service, serving_service

LOGIN = Login("admin", "100%-sure: yes")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_server_runs_mlflows_own_login_and_no_proxy_for_files(layout: Layout) -> None:
    command = mlflow_service(layout, {}).command
    assert command[command.index("--app-name") + 1] == "basic-auth"
    assert "--no-serve-artifacts" in command
    assert command[command.index("--host") + 1] == "127.0.0.1"


def test_only_mlflows_server_is_told_the_login_and_not_on_its_command_line(layout: Layout) -> None:
    service = mlflow_service(layout, mlflow_login.environment(layout, LOGIN))
    assert service.environment["MLFLOW_AUTH_ADMIN_USERNAME"] == LOGIN.user
    assert service.environment["MLFLOW_AUTH_ADMIN_PASSWORD"] == LOGIN.password
    assert LOGIN.password not in " ".join(service.command)
    others = [*airflow_services(), serving_service(layout)]
    assert all(not other.environment for other in others)
    dashboard = dashboard_service(layout, LOGIN)
    assert dashboard.environment == {"SHOTCLOCK_DASHBOARD_PASSWORD": LOGIN.password}
    assert LOGIN.password not in " ".join(dashboard.command)


def test_whoever_else_came_to_have_an_account_may_do_nothing(layout: Layout) -> None:
    env = mlflow_login.environment(layout, LOGIN)
    settings = configparser.ConfigParser()
    settings.read(env["MLFLOW_AUTH_CONFIG_PATH"])
    assert settings["mlflow"]["default_permission"] == "NO_PERMISSIONS"
    assert env["MLFLOW_BASIC_AUTH_FAIL_CLOSED"] == "true"
    users = layout.settings.home / settings["mlflow"]["database_uri"].removeprefix("sqlite:///")
    assert users == layout.airflow / "mlflow" / "users.db"


def test_files_are_private_and_nothing_of_the_start_before_is_left(layout: Layout) -> None:
    first = mlflow_login.environment(layout, LOGIN)
    folder = layout.airflow / "mlflow"
    (folder / "users.db").write_text("with the old password")
    (folder / "users.db-journal").write_text("which SQLite would roll back")
    second = mlflow_login.environment(layout, LOGIN)
    assert {path.name: mode(path) for path in folder.iterdir()} == {"settings.ini": 0o600, "users.db": 0o600}
    assert (folder / "users.db").read_text() == ""
    assert mode(folder) == 0o700
    assert first["MLFLOW_FLASK_SERVER_SECRET_KEY"] != second["MLFLOW_FLASK_SERVER_SECRET_KEY"]


def test_a_password_that_mlflow_would_refuse_is_named_with_the_remedy(layout: Layout) -> None:
    with pytest.raises(LaunchError, match=r"passwords.json: .* has 6 characters, MLflow asks for 12; choose a longer"):
        mlflow_login.environment(layout, Login("admin", "my own"))
