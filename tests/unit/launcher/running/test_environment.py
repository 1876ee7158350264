"""The environment of an Airflow process: nothing of another Airflow gets in, everything of this stack is said."""

from pathlib import Path

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials
from shotclock_launcher.running.environment import CHAIN_PAUSE, RESTING_PAUSE, airflow_environment, task_slots

KEYS = credentials.Keys(jwt="j" * 64, api="a" * 64, fernet="f")


def environment(tmp_path: Path, **base: str) -> dict[str, str]:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_PORT": "18099", **base})
    return airflow_environment(layout, KEYS, base)


def test_settings_of_another_airflow_are_dropped(tmp_path: Path) -> None:
    other = "postgresql://production/airflow"
    env = environment(tmp_path, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=other, AIRFLOW_HOME="/x", AIRFLOW__CORE__FOO="1")
    assert other not in env.values()
    assert "AIRFLOW__CORE__FOO" not in env
    assert env["AIRFLOW_HOME"] == str(tmp_path / "var" / "airflow")


def test_connections_and_unrelated_variables_are_kept(tmp_path: Path) -> None:
    env = environment(tmp_path, AIRFLOW_CONN_MAIL="smtp://x", TZ="America/Sao_Paulo", PIP_INDEX_URL="https://x")
    assert (env["AIRFLOW_CONN_MAIL"], env["TZ"], env["PIP_INDEX_URL"]) == ("smtp://x", "America/Sao_Paulo", "https://x")
    assert "TZ" not in environment(tmp_path)


def test_everybody_is_told_the_same_port_on_loopback(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__PORT"] == "18099"
    assert env["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18099"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18099/execution/"


def test_a_scheduler_looks_more_often_for_one_chain_than_where_it_is_kept(tmp_path: Path) -> None:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path)})
    chain, kept = (airflow_environment(layout, KEYS, {}, pause=pause) for pause in (CHAIN_PAUSE, RESTING_PAUSE))
    pause = "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"
    assert 0 < float(chain[pause]) < float(kept[pause]) < 1


def test_a_stack_for_one_project_says_so_and_one_for_all_does_not_keep_it_from_before(tmp_path: Path) -> None:
    layout = Layout.of({"SHOTCLOCK_HOME": str(tmp_path)})
    for only, said in (("shots", "shots"), (None, "")):
        env = airflow_environment(layout, KEYS, {"SHOTCLOCK_ONLY": "other"}, only=only)
        assert env["SHOTCLOCK_ONLY"] == said


def test_not_everyone_is_admin(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin"


def test_the_way_to_ourselves_leads_through_no_proxy(tmp_path: Path) -> None:
    env = environment(tmp_path, HTTP_PROXY="http://proxy:3128", NO_PROXY="intranet")
    assert env["NO_PROXY"].split(",") == ["intranet", "127.0.0.1", "localhost"]
    assert env["no_proxy"] == env["NO_PROXY"]


def test_a_bare_locale_becomes_utf8_and_a_users_utf8_locale_stays(tmp_path: Path) -> None:
    assert "UTF-8" in environment(tmp_path, LC_ALL="C", LANG="pt_BR.UTF-8")["LC_ALL"]
    assert "LC_ALL" not in environment(tmp_path, LANG="pt_BR.utf8")


def test_bytecode_is_written_whatever_the_user_has_set(tmp_path: Path) -> None:
    assert "PYTHONDONTWRITEBYTECODE" not in environment(tmp_path, PYTHONDONTWRITEBYTECODE="1")


def test_what_the_package_reads_is_handed_on(tmp_path: Path) -> None:
    env = environment(tmp_path, SHOTCLOCK_DATA_DIR="../files", MLFLOW_TRACKING_URI="http://mlflow:5000")
    assert env["SHOTCLOCK_HOME"] == str(tmp_path)
    assert env["SHOTCLOCK_DATA_DIR"] == str(tmp_path.parent / "files")
    assert env["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"
    assert (env["DO_NOT_TRACK"], env["MLFLOW_DISABLE_TELEMETRY"], env["OMP_NUM_THREADS"]) == ("true", "true", "1")


def test_there_is_a_slot_for_a_waiting_sensor_on_the_smallest_machine() -> None:
    assert 3 <= task_slots() <= 16


@pytest.mark.parametrize("value", ["80", "http", "70000", "-1", "8080.0"])
def test_a_port_that_is_none_is_refused_by_the_name_of_its_setting(tmp_path: Path, value: str) -> None:
    with pytest.raises(
        LaunchError, match=f"SHOTCLOCK_PORT: found '{value}', expected a port number from 1024 to 65535"
    ):
        Layout.of({"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_PORT": value})


@pytest.mark.parametrize(("setting", "port"), [("SHOTCLOCK_PORT", "5000"), ("SHOTCLOCK_DASHBOARD_PORT", "8080")])
def test_two_pages_cannot_share_a_port(tmp_path: Path, setting: str, port: str) -> None:
    with pytest.raises(LaunchError, match=f"both are {port}"):
        Layout.of({"SHOTCLOCK_HOME": str(tmp_path), setting: port})
