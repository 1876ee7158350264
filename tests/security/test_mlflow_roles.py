"""MLflow's server as docker-compose.yaml starts it: the reader's login reads, the worker's alone changes anything."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient

from shotclock.store.server.guard import only_reads

API = "/api/2.0/mlflow"
SECRET = "what-a-database-asks-for"
READER, WORKER = ("reader", "the-readers-own-word"), ("worker", "the-workers-own-word")
STRANGERS = [None, ("reader", "x" * 16), ("worker", READER[1]), ("admin", WORKER[1]), ("", ""), ("eve", "password1234")]
READING = [  # what the endpoint, the dashboard and a person ask
    ("GET", f"{API}/registered-models/alias?name=shots&alias=champion"),
    ("GET", f"{API}/model-versions/search?filter=name%3D%27shots%27"),
    ("GET", f"{API}/experiments/get-by-name?experiment_name=shots"),
    ("GET", f"{API}/runs/get?run_id={{run}}"),
    ("POST", f"{API}/runs/search"),
    ("POST", f"{API}/experiments/search"),
    ("GET", "/"),
]
WRITING = [  # beside every route that is no GET: with the bodies that would move, remove or plant something
    ("POST", f"{API}/registered-models/alias", {"name": "shots", "alias": "champion", "version": "1"}),
    ("POST", f"{API}/registered-models/alias", {"name": "shots", "alias": "previous", "version": "2"}),
    ("DELETE", f"{API}/registered-models/alias", {"name": "shots", "alias": "champion"}),
    (
        "POST",
        f"/ajax{API.replace('/api', '-api')}/registered-models/alias",
        {"name": "shots", "alias": "champion", "version": "1"},
    ),
    ("POST", f"{API}/model-versions/create", {"name": "shots", "source": "/proc/self"}),
    ("POST", f"{API}/registered-models/create", {"name": "planted"}),
    ("PATCH", f"{API}/registered-models/rename", {"name": "shots", "new_name": "planted"}),
    ("DELETE", f"{API}/registered-models/delete", {"name": "shots"}),
    ("DELETE", f"{API}/model-versions/delete", {"name": "shots", "version": "2"}),
    ("POST", f"{API}/model-versions/set-tag", {"name": "shots", "version": "2", "key": "planted", "value": "1"}),
    ("POST", f"{API}/experiments/create", {"name": "planted", "artifact_location": "file:///proc/self"}),
    ("POST", f"{API}/experiments/delete", {"experiment_id": "0"}),
    ("POST", f"{API}/runs/create", {"experiment_id": "0"}),
    ("POST", f"{API}/runs/delete", {"run_id": "{run}"}),
    ("POST", f"{API}/runs/set-tag", {"run_id": "{run}", "key": "planted", "value": "1"}),
    ("POST", f"{API}/runs/log-metric", {"run_id": "{run}", "key": "log_loss", "value": 0, "timestamp": 0}),
    ("POST", f"{API}/users/create", {"username": "planted", "password": "x" * 16}),
    ("PATCH", f"{API}/users/update-password", {"username": "reader", "password": "x" * 16}),
    ("PATCH", f"{API}/users/update-admin", {"username": "reader", "is_admin": True}),
    ("POST", "//api/2.0/mlflow/registered-models/alias", {"name": "shots", "alias": "champion", "version": "1"}),
    ("POST", f"{API}/registered-models/alias?x=/runs/search", {"name": "shots", "alias": "champion", "version": "1"}),
]


@dataclass(frozen=True)
class Server:
    address: str
    run: str
    client: MlflowClient

    def ask(self, method: str, path: str, login=None, **content) -> httpx.Response:
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            return client.request(method, path.replace("{run}", self.run), auth=login, **content)

    def state(self) -> tuple[object, ...]:
        """What an attack would have changed, as the store itself says it."""
        model = self.client.get_registered_model("shots")
        runs = self.client.search_runs([e.experiment_id for e in self.client.search_experiments()])
        versions = [(v.version, dict(v.tags)) for v in self.client.search_model_versions("")]
        names = sorted(e.name for e in self.client.search_experiments())
        return (
            dict(model.aliases),
            versions,
            names,
            [(r.info.run_id, r.info.lifecycle_stage, r.data.to_dictionary()) for r in runs],
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory) -> Iterator[Server]:
    home, port = tmp_path_factory.mktemp("mlflow"), free_tcp_port_factory()
    store, address = f"sqlite:///{home / 'mlflow.db'}", f"http://127.0.0.1:{port}"
    client = MlflowClient(store)
    experiment = client.create_experiment("shots", artifact_location=str(home / "artifacts"))
    run = client.create_run(experiment).info.run_id
    client.create_registered_model("shots")
    for _ in range(2):
        client.create_model_version("shots", source=str(home), run_id=run)
    client.set_registered_model_alias("shots", "champion", "2")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SHOTCLOCK_"))}
    env |= {"SHOTCLOCK_HOME": str(home), "MLFLOW_BACKEND_STORE_URI": store, "DATABASE_PASSWORD": SECRET}
    env |= {"MLFLOW_WORKER_PASSWORD": WORKER[1], "MLFLOW_READER_PASSWORD": READER[1], "DO_NOT_TRACK": "true"}
    env |= {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "shotclock_deployment.mlflow_server", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1"], env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            found = Server(address, run, client)
            _wait(process, found, home / "log")
            yield found
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if server.ask("GET", "/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


@pytest.fixture
def unchanged(server: Server) -> Iterator[None]:
    before = server.state()
    yield
    assert server.state() == before


def routes() -> list[tuple[str, str]]:
    """Every route that MLflow has and that is no search, with a method that may change something."""
    from mlflow.server import app
    from mlflow.server.fastapi_app import app as native

    rules = [(rule.rule, rule.methods or set()) for rule in app.url_map.iter_rules()]
    rules += [(route.path, route.methods) for route in native.routes if getattr(route, "methods", None)]
    asked = {(method, re.sub(r"<[^>]+>|\{[^}]+\}", "x", path)) for path, methods in rules for method in methods}
    return sorted(place for place in asked if not only_reads(*place))


def test_of_all_routes_that_may_change_something_the_reader_is_given_none(server: Server, unchanged) -> None:
    every = routes()
    assert len(every) > 150
    with httpx.Client(base_url=server.address, timeout=60, trust_env=False, auth=READER) as client:
        answered = {(method, path): client.request(method, path, json={}).status_code for method, path in every}
    assert {place: status for place, status in answered.items() if status not in (403, 404, 405)} == {}


@pytest.mark.parametrize(("method", "path", "body"), WRITING)
def test_whoever_is_not_the_worker_moves_nothing(server: Server, unchanged, method: str, path: str, body: dict) -> None:
    body = {name: server.run if value == "{run}" else value for name, value in body.items()}
    assert server.ask(method, path, READER, json=body).status_code in (403, 404, 405)
    for login in STRANGERS:
        assert server.ask(method, path, login, json=body).status_code in (401, 404, 405)


@pytest.mark.parametrize(("method", "path"), READING)
def test_the_reader_reads_and_a_stranger_does_not(server: Server, unchanged, method: str, path: str) -> None:
    content = {} if method == "GET" else {"json": {"max_results": 10}}
    assert server.ask(method, path, READER, **content).status_code == 200
    for login in STRANGERS:
        assert server.ask(method, path, login, **content).status_code == 401


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Forwarded-Prefix"]
)
def test_no_header_makes_another_request_of_it(server: Server, unchanged, header: str) -> None:
    headers = {header: "DELETE" if "Method" in header else f"{API}/registered-models/alias"}
    body = {"name": "shots", "alias": "champion", "version": "1"}
    server.ask("POST", f"{API}/runs/search", READER, json=body, headers=headers)


def test_a_mutation_in_graphql_changes_nothing(server: Server, unchanged) -> None:
    query = 'mutation { mlflowSetTag(input: {runId: "x"}) { run { info { runId } } } }'
    assert "errors" in server.ask("POST", "/graphql", READER, json={"query": query}).json()


def test_files_of_the_server_are_not_read_through_a_run(server: Server) -> None:
    for path in ("../log", "%2e%2e/log", "/proc/self/environ", "..%2f..%2fetc%2fpasswd", "file:///proc/self/environ"):
        for route in ("/get-artifact", "/ajax-api/2.0/mlflow/get-artifact"):
            answer = server.ask("GET", f"{route}?run_uuid={{run}}&path={path}", READER)
            assert answer.status_code >= 400
            assert SECRET not in answer.text


def test_the_worker_may_promote(server: Server) -> None:
    body = {"name": "shots", "alias": "champion", "version": "1"}
    assert server.ask("POST", f"{API}/registered-models/alias", WORKER, json=body).status_code == 200
    assert str(server.client.get_model_version_by_alias("shots", "champion").version) == "1"
    assert server.ask("POST", f"{API}/registered-models/alias", WORKER, json=body | {"version": "2"}).status_code == 200


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"MLFLOW_WORKER_PASSWORD": "a" * 16},
        {"MLFLOW_READER_PASSWORD": "a" * 16},
        {"MLFLOW_WORKER_PASSWORD": "a" * 16, "MLFLOW_READER_PASSWORD": "a" * 16},
    ],
)
def test_without_two_passwords_that_differ_it_does_not_start(
    tmp_path, monkeypatch, environment: dict[str, str]
) -> None:
    from shotclock_deployment import mlflow_server

    for name in ("MLFLOW_WORKER_PASSWORD", "MLFLOW_READER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="expected two that differ"):
        mlflow_server.lay_out(tmp_path / "login")
    assert not (tmp_path / "login").exists()
