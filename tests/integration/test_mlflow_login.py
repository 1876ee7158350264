"""MLflow's server, started as `make up` starts it, and asked by another user of this machine: every route, without a login."""

import http.client
import os
import re
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import mlflow
import pytest
from mlflow import MlflowClient
from playwright.sync_api import sync_playwright

from shotclock.errors import StoreError
from shotclock.store.server import database
from shotclock_launcher.commands.browser import FLAGS, chromium
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials, mlflow_login
from shotclock_launcher.running.environment import airflow_environment
from shotclock_launcher.running.services import mlflow_service

SECRET = "what-signs-tokens"
OPEN = {"/health", "/static-files/x", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info"}
API = "/api/2.0/mlflow"
AJAX = "/ajax-api/2.0/mlflow"
ATTEMPTS = [  # `{run}` writes to a folder with a link to secrets in it
    ("GET", "/"),
    ("GET", "/version"),
    ("GET", "/signup"),
    ("GET", "//get-artifact?run_uuid={run}&path=link/keys.json"),
    ("GET", "/get-artifact?run_uuid={run}&path=link/keys.json"),
    ("HEAD", "/get-artifact?run_uuid={run}&path=link/keys.json"),
    ("GET", "/get-artifact?run_uuid={run}&path=link%2Fkeys.json"),
    ("GET", "/model-versions/get-artifact?name=m&version=1&path=link/keys.json"),
    ("POST", f"{AJAX}/upload-artifact?run_uuid={{run}}&path=link/planted.json"),
    ("GET", f"{AJAX}/get-trace-artifact?request_id=t&path=link/keys.json"),
    ("GET", f"{AJAX}/logged-models/m-1/artifacts/files?artifact_file_path=link/keys.json"),
    ("GET", f"{API}/artifacts/list?run_id={{run}}&path=link"),
    ("GET", f"{AJAX}/artifacts/list?run_id={{run}}&path=link"),
    ("GET", f"{API}/runs/get?run_id={{run}}"),
    ("POST", f"{API}/experiments/create"),
    ("POST", f"{AJAX}/experiments/create"),
    ("POST", f"{API}/experiments/search"),
    ("POST", f"{API}/runs/create"),
    ("POST", f"{API}/runs/delete"),
    ("POST", f"{API}/registered-models/create"),
    ("POST", f"{API}/registered-models/alias"),
    ("DELETE", f"{API}/registered-models/delete"),
    ("POST", f"{API}/users/create"),
    ("PATCH", f"{API}/users/update-password"),
    ("GET", f"{API}/users/list"),
    ("POST", "/graphql"),
    ("GET", "/api/2.0/mlflow-artifacts/artifacts/keys.json"),
    ("PUT", "/api/2.0/mlflow-artifacts/artifacts/planted.json"),
    ("PUT", "/ajax-api/2.0/mlflow-artifacts/artifacts/planted.json"),
    ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/keys.json"),
    ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
    ("PUT", "/ajax-api/3.0/mlflow/assistant/config"),
    ("POST", "/ajax-api/3.0/jobs/"),
    ("POST", "/v1/traces"),
    ("POST", "/gateway/mlflow/v1/chat/completions"),
    ("GET", "/api/3.0/mlflow/mcp-servers"),
]


@dataclass(frozen=True)
class Server:
    layout: Layout
    login: credentials.Login
    run: str
    private: Path

    def ask(self, method: str, path: str, auth: tuple[str, str] | None = None, **content) -> httpx.Response:
        address = self.layout.mlflow_address + path.format(run=self.run)
        with httpx.Client(timeout=60, trust_env=False, follow_redirects=True) as client:
            return client.request(method, address, auth=auth, **content)

    @property
    def right(self) -> tuple[str, str]:
        return (self.login.user, self.login.password)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory) -> Iterator[Server]:
    """The server, with one run whose folder is foreign and holds a file and a link to a private folder."""
    home = tmp_path_factory.mktemp("home of two names")
    ports = {"SHOTCLOCK_MLFLOW_PORT": str(free_tcp_port_factory())}
    layout = Layout.of({"SHOTCLOCK_HOME": str(home), **ports})
    layout.make_folders()
    foreign, private = home / "foreign", home / "private"
    private.mkdir(mode=0o700)
    (private / "keys.json").write_text(SECRET)
    login = credentials.login(layout.airflow)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SHOTCLOCK_"))}
    service = mlflow_service(layout, mlflow_login.environment(layout, login))
    env = airflow_environment(layout, credentials.keys(layout.airflow), env) | dict(service.environment)
    assert layout.store
    layout.store.parent.mkdir()
    client = MlflowClient(tracking_uri=layout.settings.tracking_uri)
    run = client.create_run(client.create_experiment("foreign", artifact_location=str(foreign))).info.run_id
    artifacts = foreign / run / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "report.html").write_text("<p>drift</p>")
    (artifacts / "link").symlink_to(private)
    log = layout.logs / "mlflow.log"
    with log.open("wb") as written:
        process = subprocess.Popen(service.command, env=env, cwd=home, stdout=written, stderr=subprocess.STDOUT)
        try:
            found = Server(layout, login, run, private)
            _wait(process, found, log)
            yield found
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], server: Server, log: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if server.ask("GET", "/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


def every_route() -> list[tuple[str, str]]:
    """What MLflow's own app answers, by the app itself, so that a route of a newer version is tried too."""
    from mlflow.server import app
    from mlflow.server.fastapi_app import app as native

    rules = [(rule.rule, rule.methods or set()) for rule in app.url_map.iter_rules()]
    rules += [(route.path, route.methods) for route in native.routes if getattr(route, "methods", None)]
    asked = {(method, re.sub(r"<[^>]+>|\{[^}]+\}", "x", path)) for path, methods in rules for method in methods}
    return sorted((method, path) for method, path in asked if method not in ("HEAD", "OPTIONS") and path not in OPEN)


def untouched(server: Server) -> bool:
    names = {path.name for path in server.private.iterdir()}
    planted = list(server.layout.settings.home.rglob("planted.json"))
    return names == {"keys.json"} and (server.private / "keys.json").read_text() == SECRET and not planted


def test_the_first_page_is_that_of_experiments_and_leads_to_the_view_of_models_from_the_first_click_on_until_somebody_chooses(
    server: Server,
) -> None:
    if chromium() is None:
        pytest.skip("no chromium on this machine: install it (Debian: apt-get install chromium)")
    user, password = server.right
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(http_credentials={"username": user, "password": password})
        page.set_default_timeout(120_000)
        page.goto(server.layout.mlflow_address)
        page.wait_for_url("**/#/experiments")
        page.get_by_role("link", name="foreign").first.click()
        page.wait_for_url("**/runs?workflowType=machine_learning*")
        assert page.get_by_text("Ask a question").count() == 0
        page.get_by_text("GenAI", exact=True).first.click()
        page.goto(server.layout.mlflow_address)
        page.get_by_role("link", name="foreign").first.click()
        page.wait_for_url("**workflowType=genai*")
        page.goto(f"{server.layout.mlflow_address}/#/")
        page.get_by_role("heading", name="Welcome to MLflow").wait_for()
        assert page.get_by_text("collects usage data").count() == 0
        browser.close()


def test_every_route_that_mlflow_has_asks_for_the_login(server: Server) -> None:
    routes = every_route()
    assert len(routes) > 400
    with httpx.Client(base_url=server.layout.mlflow_address, timeout=60, trust_env=False) as client:
        answered = {(m, p): client.request(m, p, json={} if m != "GET" else None).status_code for m, p in routes}
    assert {route: status for route, status in answered.items() if status != 401} == {}


@pytest.mark.parametrize("auth", [None, ("admin", "password1234"), ("admin", ""), ("", ""), ("nobody", "x" * 16)])
def test_without_the_right_login_nothing_is_read_or_written(server: Server, auth) -> None:
    planted = {"name": "planted", "artifact_location": str(server.private), "username": "eve", "password": "e" * 16}
    for method, path in ATTEMPTS:
        answer = server.ask(method, path, auth, **({} if method in ("GET", "HEAD") else {"json": planted}))
        assert answer.status_code == 401, (method, path, answer.status_code)
        assert SECRET not in answer.text
    assert untouched(server)
    found = server.ask("GET", f"{API}/experiments/get-by-name?experiment_name=planted", server.right)
    assert found.status_code == 404


@pytest.mark.parametrize("way", ["/health/..", "/health/%2e%2e", "/static-files/..", "/static/..", "/favicon.ico/.."])
def test_no_way_leads_around_through_what_is_open(server: Server, way: str) -> None:
    connection = http.client.HTTPConnection(
        "127.0.0.1", server.layout.mlflow_port, timeout=60
    )  # leaves the dots as they are
    connection.request("GET", f"{way}/get-artifact?run_uuid={server.run}&path=link/keys.json")
    answer = connection.getresponse()
    assert answer.status in (401, 404)
    assert SECRET not in answer.read().decode()
    connection.close()


def test_other_ways_to_say_who_one_is_do_not_count(server: Server) -> None:
    for header in ("Bearer x", "Basic", "Basic !", "Basic YWRtaW4=", "Digest username=admin", "Negotiate x"):
        answer = server.ask("GET", f"{API}/runs/get?run_id={{run}}", headers={"Authorization": header})
        assert answer.status_code >= 400
        assert server.run not in answer.text
    assert server.ask("GET", f"{API}/runs/get?run_id={{run}}", cookies={"session": "x"}).status_code == 401


def test_a_browser_is_told_to_ask_for_the_login(server: Server) -> None:
    assert server.ask("GET", "/").headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_is_open_says_nothing_of_the_store(server: Server, path: str) -> None:
    answer = server.ask("GET", path)
    assert answer.status_code in (200, 404)
    assert str(server.layout.settings.home) not in answer.text
    assert server.login.password not in answer.text


def test_with_airflows_login_the_pages_and_a_runs_files_are_there(server: Server) -> None:
    assert "<html" in server.ask("GET", "/", server.right).text
    query = "query run($run: String) { mlflowGetRun(input: {runId: $run}) { run { info { runUuid } } } }"
    asked = {"query": query, "variables": {"run": server.run}}
    assert server.run in server.ask("POST", "/graphql", server.right, json=asked).text
    listed = server.ask("GET", f"{AJAX}/artifacts/list?run_id={{run}}", server.right).json()
    assert "report.html" in {file["path"] for file in listed["files"]}
    assert server.ask("GET", "/get-artifact?run_uuid={run}&path=report.html", server.right).text == "<p>drift</p>"


def test_the_proxy_for_files_is_shut_for_the_owner_too(server: Server) -> None:
    for api in ("/api/2.0", "/ajax-api/2.0"):
        path = f"{api}/mlflow-artifacts/artifacts/planted.json"
        assert server.ask("PUT", path, server.right, content=b"x").status_code == 503
        assert server.ask("GET", path, server.right).status_code == 503
    assert untouched(server)
    assert not (server.layout.settings.home / "mlartifacts").exists()


def test_what_the_login_rests_on_is_the_owners_alone(server: Server) -> None:
    folder = server.layout.airflow / "mlflow"
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    assert {path.name: mode(path) for path in folder.iterdir()} == {"settings.ini": 0o600, "users.db": 0o600}
    assert {mode(path) for path in (folder, server.layout.var, server.layout.settings.data)} == {0o700}
    assert server.login.password not in (server.layout.logs / "mlflow.log").read_text()


def test_a_command_asks_the_server_with_the_login_that_mlflow_itself_takes(server: Server, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.layout.mlflow_address)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    assert database.look_at_store()[1] == "unreachable"
    with pytest.raises(StoreError, match=r"401 .* the login \(MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD\)"):
        database.prepare_store()
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", server.login.user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", server.login.password)
    assert database.look_at_store() == (f"a server, MLflow {mlflow.__version__}", "")
    database.prepare_store()
