"""The proof that the services work must fail where docker-compose.yaml is wrong: a mistake of each kind is seen as one."""

import compose
import engine
import pytest
from compose import TEXT

SOON = [("start_period: 180s", "start_period: 3s"), ("interval: 30s", "interval: 1s")]


@pytest.fixture
def start(settings, tmp_path):
    """`start("redis", old, new)`: start that service, and what it needs, from the file with `old` replaced by `new`."""

    def run(service: str, old: str, new: str) -> None:
        text = TEXT
        for before, after in [*SOON, (old, new)]:
            assert before in text
            text = text.replace(before, after)
        with engine.running(tmp_path, compose.load(text, settings | {"RAW_FILES": str(tmp_path)})) as running:
            running.start(service)

    return run


@pytest.mark.parametrize("service", ["postgres", "redis", "s3"])
def test_without_a_fault_each_foreign_service_is_healthy_in_the_same_time(start, service):
    start(service, "name: shotclock", "name: shotclock")


@pytest.mark.parametrize(
    ("service", "old", "new"),
    [
        pytest.param("redis", "exec redis-server", "exec redis-servr", id="command"),
        pytest.param("postgres", "POSTGRES_PASSWORD: $", "POSTGRES_PASSWORT: $", id="variable"),
        pytest.param("postgres", "pg_isready, --host, localhost,", "pg_isready, --host, localhos,", id="health check"),
        pytest.param("s3", "-s3.port=8333", "-s3.port=8334", id="port"),
        pytest.param("s3", '["s3:/data"]', '["s3:/dat"]', id="volume"),
    ],
)
def test_a_service_with_a_mistake_in_it_does_not_become_healthy(start, service, old, new):
    with pytest.raises(engine.UnhealthyError, match=f"{service}-1: unhealthy"):
        start(service, old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("AWS_ACCESS_KEY_ID: ${S3_ACCESS_KEY:?", "AWS_ACCESS_KEY_ID: ${S3_SECRET_KEY:?", "403"),
        ("python -m deployment.initialise", "python -m deployment.initialize", "No module named deployment.initialize"),
    ],
    ids=["variable", "command"],
)
def test_a_service_that_runs_once_fails_with_its_own_words(start, old, new, said):
    with pytest.raises(engine.UnhealthyError, match=said):
        start("init", old, new)
