"""The proof that the services work must fail where docker-compose.yaml is wrong: a mistake of each kind is seen as one."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import compose
import engine
import pytest
from compose import TEXT

PASSWORD = '--requirepass "$$REDIS_PASSWORD"'


@pytest.fixture(scope="module")
def healthy(settings, tmp_path_factory) -> Callable[[str], float]:
    """`healthy("redis")`: start that service from the file as it is; gives the seconds until it was healthy."""

    @cache
    def started(service: str) -> float:
        begun = time.monotonic()
        with engine.running(tmp_path_factory.mktemp(service), compose.load(TEXT, settings)) as running:
            running.start(service)
            return time.monotonic() - begun

    return started


def mistaken(old: str, new: str, settings: dict[str, str], folder: Path) -> dict[str, compose.Service]:
    assert TEXT.count(old) == 1
    return compose.load(TEXT.replace(old, new), settings | {"RAW_FILES": str(folder)})


@pytest.mark.parametrize(
    ("service", "old", "new"),
    [
        pytest.param("redis", "entrypoint.sh redis-server", "entrypoint.sh redis-servr", id="command"),
        pytest.param("redis", PASSWORD, PASSWORD.replace("requirepass", "masterauth"), id="no password"),
        pytest.param(
            "postgres",
            "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:",
            "POSTGRES_PASSWORT: ${POSTGRES_PASSWORD:",
            id="variable",
        ),
        pytest.param("postgres", "pg_isready, --host, localhost,", "pg_isready, --host, localhos,", id="health check"),
        pytest.param("s3", "-s3.port=8333", "-s3.port=8334", id="port"),
        pytest.param("s3", '["s3:/data"]', '["s3:/dat"]', id="volume"),
    ],
)
def test_a_service_with_a_mistake_in_it_is_not_healthy_in_twice_the_time_that_it_needs_without(
    healthy, settings, tmp_path, service, old, new
):
    services = mistaken(old, new, settings, tmp_path)
    check = replace(services[service].check, patience=2 * healthy(service))
    services[service] = replace(services[service], check=check)
    with (
        engine.running(tmp_path, services) as running,
        pytest.raises(engine.UnhealthyError, match=f"{service}-1: unhealthy"),
    ):
        running.start(service)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("AWS_ACCESS_KEY_ID: ${S3_ACCESS_KEY:?", "AWS_ACCESS_KEY_ID: ${S3_SECRET_KEY:?", "403"),
        (
            "python -m shotclock_deployment.initialise",
            "python -m shotclock_deployment.initialize",
            "No module named shotclock_deployment.initialize",
        ),
    ],
    ids=["variable", "command"],
)
def test_a_service_that_runs_once_fails_with_its_own_words(settings, tmp_path, old, new, said):
    services = mistaken(old, new, settings, tmp_path)
    services["init"] = replace(services["init"], restart="on-failure:1")  # of the file's three
    with (
        engine.running(tmp_path, services) as running,
        pytest.raises(engine.UnhealthyError, match=said),
    ):
        running.start("init")
