"""What Airflow's web UI shows of a task, asked of a real API server over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from shotclock.config import settings
from shotclock.files import objects
from shotclock.store import records, tracking
from shotclock.store.run import Run
from shotclock.store.server import database

ROOT = Path(__file__).parents[2]
DAG_ID = "sample.training"
EVIL = "<script>alert(1)</script>"
SUMMARY_OF_INGEST = """# Ingest

Evil column: <script>alert(1)</script>, [evil link](javascript:alert(1)), ![tracker](http://example.org/x.png)

| column | rows |
| --- | ---: |
| `<img src=x onerror=alert(1)>` | 20,285 |
"""

# Tasks are declared against the flow and against the alphabet, so that neither can pass for the order of the flow.
DAG_FILE = """
from pathlib import Path
from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

HOME = Path(__file__).parents[1]
SUMMARY = {summary!r}

@task
def notify():
    pass

@task
def drift_check(ti=None):
    ti.xcom_push("summary", "# Drift")
    ti.xcom_push("mlflow_run_id", "abc123")
    report = str(HOME / "data" / "sample" / "runs" / "drift.html")
    return {{"report": report, "mlflow_run_id": "what was pushed goes before this", "summary": 3}}

@task
def ingest(ti=None):
    ti.xcom_push("summary", SUMMARY)

@task(map_index_template="{{{{ name }}}}")
def train(candidate, ti=None):
    get_current_context()["name"] = candidate
    ti.xcom_push("summary", f"Trained {{candidate}}.")

@task
def skipped():
    raise AirflowSkipException("nothing to do")

@task
def trick(address, ti=None):
    ti.xcom_push("report", address.replace("HOME", str(HOME)))

with DAG({dag_id!r}) as dag:
    last, drift, first = notify(), drift_check(), ingest()
    first >> train.expand(candidate=["tree", "logistic"]) >> drift >> last
    first >> skipped()
    trick.expand(address={tricks!r})
"""

TRICKS = [
    "HOME/secret.html",  # outside the data folder
    "HOME/data/sample/../../secret.html",
    "HOME/data/sample/link.html",  # a link that leads out
    "HOME/data-other/secret.html",  # a folder whose name begins alike
    "HOME/data/sample/rows.parquet",  # inside, but no report
    "HOME/data/sample/gone.html",
    "HOME/data/sample/folder.html",
    "HOME/data/sample/null\0byte.html",
    "data/sample/runs/drift.html",  # relative to nothing that is known
    "",
]

RUN_THE_DAG = """
import sys
from pathlib import Path
if not Path("airflow.ready").exists():
    from airflow.utils.db import initdb
    initdb()
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
run = bag.dags[sys.argv[2]].test()
assert run.state == "success", run.state
open("run_id", "w").write(run.run_id)
"""


PROJECT = """
name: sample
title: "Sample <script>alert(1)</script>"
data: {training: a.parquet, production: b.parquet}
columns: {id: id, time: day, target: hit, features: {near: {type: number}}}
"""


@dataclass(frozen=True)
class Server:
    home: Path
    address: str
    run: str
    tokens: dict[str, str]
    checks: dict[str, str]
    """MLflow runs of the project `sample`, by kind."""

    def get(self, path: str, user: str | None = "viewer", **options) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        path = path.replace("RUN", quote(self.run, safe="")).replace("CHECK", self.checks["drift"])
        path = path.replace("ALERT", self.checks["alert"])
        return httpx.get(f"{self.address}{path}", headers=headers, timeout=30, **options)

    def page(self, kind: str, *place: object) -> httpx.Response:
        return self.get("/".join(["/shotclock", kind, *(quote(str(part), safe="") for part in place)]))

    def health(self, *place: str, user: str | None = "viewer") -> httpx.Response:
        return self.get("/".join(["/shotclock/health", *place]), user)

    def links(self, task_id: str, map_index: int = -1) -> dict[str, str | None]:
        place = f"/api/v2/dags/{DAG_ID}/dagRuns/RUN/taskInstances/{task_id}/links?map_index={map_index}"
        return self.get(place).raise_for_status().json()["extra_links"]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory, airflow_tables: Callable[[Path], bool]
) -> Iterator[Server]:
    """An API server of its own on a database of its own, with one finished run."""
    home = tmp_path_factory.mktemp("airflow")
    port = free_tcp_port_factory()
    environment = _environment(home, port)
    _lay_out(home)
    airflow_tables(home / "airflow.db")
    checks = _check(home)
    subprocess.run(
        [sys.executable, "-c", RUN_THE_DAG, str(home / "dags"), DAG_ID],
        **_quietly(home, environment),
        check=True,
        timeout=900,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "api-server", "--port", str(port), "--host", "127.0.0.1", "--workers", "1"],
        **_quietly(home, environment),
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(process, address, home / "log.txt")
        yield Server(home, address, (home / "run_id").read_text(), _log_in(home, address), checks)
    finally:
        _end(process)


def _environment(home: Path, port: int) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "MLFLOW", "SHOTCLOCK", "PYTHON"))
    }
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "viewer:viewer,starter:user,outsider:",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, at least sixty-four bytes long, used nowhere else",
        "SHOTCLOCK_HOME": str(home),
        "SHOTCLOCK_PROJECTS": str(home / "projects"),
        "SHOTCLOCK_DATA": str(home / "data"),
        "SHOTCLOCK_MLFLOW_UI": "http://mlflow.test:5001/",
    }


def _lay_out(home: Path) -> None:
    runs = home / "data" / "sample" / "runs"
    for folder in (
        home / "dags",
        home / "projects",
        runs,
        home / "data-other",
        home / "data" / "sample" / "folder.html",
    ):
        folder.mkdir(parents=True)
    (home / "dags" / "sample.py").write_text(DAG_FILE.format(summary=SUMMARY_OF_INGEST, tricks=TRICKS, dag_id=DAG_ID))
    (home / "projects" / "sample.yaml").write_text(PROJECT)
    (runs / "drift.html").write_text("<h1>the drift report</h1>")
    for secret in (
        home / "secret.html",
        home / "data-other" / "secret.html",
        home / "data" / "sample" / "rows.parquet",
    ):
        secret.write_text("secret")
    (home / "data" / "sample" / "link.html").symlink_to(home / "secret.html")


def _check(home: Path) -> dict[str, str]:
    """Two checks of the project in its MLflow store, of which the drift check has left a report, and an alert."""
    report, made = home / "drift_report.html", {}
    report.write_text("<h1>the report in MLflow</h1>")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "SHOTCLOCK_ARTIFACTS", "SHOTCLOCK_DATA"):
            patch.delenv(name, raising=False)
        patch.setenv("SHOTCLOCK_HOME", str(home))
        database.prepare_store()
        told = {"verdict": "ok", "reason": EVIL, "window": "w", "champion": "1", "batches": ("b.parquet",)}
        told |= {"batch_count": 1, "figures": {"drift_share": 0.0}, "synthetic": False}
        checks = (records.Drift(**told, threshold_share=0.5, report=str(report)), records.Performance(**told))
        for check in checks:
            with tracking.tracked(Run("sample", "monitoring", "m1"), check.kind, type(check)) as run:
                run.write(check)
                run.artifact(report)
            made[check.kind] = run.id
        alert = records.Alert(trigger="drift", reason=EVIL, window="w", champion="1", figures={"drift_share": 0.5})
        with tracking.tracked(Run("sample", "monitoring", "m1"), "alert/drift", records.Alert) as run:
            run.write(alert)
        made["alert"] = run.id
    return made


def _quietly(home: Path, environment: dict[str, str]) -> dict:
    log = (home / "log.txt").open("a")
    return {"env": environment, "cwd": home, "stdout": log, "stderr": subprocess.STDOUT}


def _wait_until_up(process: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/api/v2/monitor/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"the API server did not come up:\n{log.read_text()[-5000:]}")


def _log_in(home: Path, address: str) -> dict[str, str]:
    passwords = json.loads((home / "passwords.json").read_text())
    return {
        user: httpx.post(f"{address}/auth/token", json={"username": user, "password": password}, timeout=30)
        .raise_for_status()
        .json()["access_token"]
        for user, password in passwords.items()
    }


def _end(process: subprocess.Popen) -> None:
    """End the server and every process that it started: they share its group."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


PAGES = [
    f"/shotclock/summary/{DAG_ID}/RUN",
    f"/shotclock/summary/{DAG_ID}/RUN/ingest/-1",
    f"/shotclock/report/{DAG_ID}/RUN/drift_check/-1",
    "/shotclock/health",
    "/shotclock/states",
    "/shotclock/health/sample",
    "/shotclock/health/sample/report/CHECK",
    "/shotclock/health/sample/alerts/ALERT",
]


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    "path",
    [
        "/shotclock/health/sample/alerts/ALERT",
        "/shotclock/health",
        f"/shotclock/summary/{DAG_ID}/RUN",
        f"/shotclock/summary/{DAG_ID}/what%3Fnow%20%23",
    ],
)
def test_a_link_that_is_followed_without_a_login_leads_to_it_and_from_there_to_the_page(server, path):
    path = path.replace("RUN", quote(server.run, safe="")).replace("ALERT", server.checks["alert"])
    with httpx.Client(base_url=server.address, headers=BROWSER, timeout=30) as client:
        first = client.get(path)
        assert first.status_code == 303
        second = client.get(first.headers["location"])
        assert second.status_code == 307
        asked = httpx.URL(second.headers["location"])
        assert (asked.path, asked.params["next"]) == ("/auth/login", httpx.URL(path).raw_path.decode())


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {"Accept": "*/*"}), ("GET", {"Accept": "application/json"}), ("POST", BROWSER)]
)
def test_who_opens_no_page_is_told_that_it_lacks_a_login(server, method, headers):
    found = httpx.request(method, f"{server.address}/shotclock/health", headers=headers, timeout=30)
    assert found.status_code in (401, 405)
    assert "location" not in found.headers


def test_who_is_logged_in_and_may_not_see_a_page_is_told_so_and_sent_nowhere(server):
    assert server.get(f"/shotclock/summary/{DAG_ID}/RUN", "outsider", follow_redirects=False).status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_served_without_a_login(server: Server, path: str) -> None:
    assert server.get(path, user=None).status_code == 401
    assert server.get(path, user=None, cookies={"_token": "forged"}).status_code in (401, 403)


@pytest.mark.parametrize("path", PAGES)
def test_a_login_is_answered_whether_by_bearer_or_by_the_cookie_that_a_frame_sends(server: Server, path: str) -> None:
    assert server.get(path).status_code == 200
    assert server.get(path, user=None, cookies={"_token": server.tokens["viewer"]}).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_who_may_not_read_the_dag_gets_403(server: Server, path: str) -> None:
    assert server.get(path, user="outsider").status_code == 403


@pytest.mark.parametrize(
    "place", ["gates/0", "gates/0/card", "windows/1/0", "versions/1", "cards/1", "decisions/0", "years/newest"]
)
def test_pages_about_a_project_are_for_those_who_may_read_it(server: Server, place: str) -> None:
    assert server.get(f"/shotclock/health/sample/{place}", user=None).status_code == 401
    assert server.get(f"/shotclock/health/sample/{place}", user="outsider").status_code == 403


@pytest.mark.parametrize("path", ["", "/", "/docs", "/redoc", "/openapi.json"])
def test_the_app_describes_itself_to_nobody(server: Server, path: str) -> None:
    assert "Shotclock" not in server.get(f"/shotclock{path}").text


def test_a_summary_is_rendered_and_what_it_quotes_stays_text(server: Server) -> None:
    answer = server.page("summary", DAG_ID, "RUN", "ingest", -1)
    assert "<h1>Ingest</h1>" in answer.text
    assert '<td style="text-align:right">20,285</td>' in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert 'href="javascript' not in answer.text


def test_a_page_allows_no_script_but_its_own_and_no_other_host(server: Server) -> None:
    answer = server.page("summary", DAG_ID, "RUN", "ingest", -1)
    policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert policy["img-src"] == "data:"
    assert policy["frame-ancestors"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_task_that_is_not_mapped_is_found_under_the_placeholder_that_the_ui_leaves(server: Server) -> None:
    assert "<h1>Ingest</h1>" in server.page("summary", DAG_ID, "RUN", "ingest", "{MAP_INDEX}").text


def test_a_mapped_instance_shows_its_own_summary_under_its_name(server: Server) -> None:
    text = server.page("summary", DAG_ID, "RUN", "train", 1).text
    assert "Trained logistic." in text
    assert "train [logistic]" in text
    assert "Trained tree." not in text


def test_a_mapped_task_without_an_index_shows_every_instance(server: Server) -> None:
    text = server.page("summary", DAG_ID, "RUN", "train", "{MAP_INDEX}").text
    assert text.index("Trained tree.") < text.index("Trained logistic.")


def test_a_task_without_a_summary_says_so_and_why(server: Server) -> None:
    assert "This task wrote no summary" in server.page("summary", DAG_ID, "RUN", "notify", -1).text
    assert "This task is skipped and wrote no summary" in server.page("summary", DAG_ID, "RUN", "skipped", -1).text


def test_a_run_shows_all_summaries_in_the_order_of_its_tasks(server: Server) -> None:
    text = server.page("summary", DAG_ID, "RUN").text
    found = [text.index(part) for part in ("<h1>Ingest</h1>", "Trained tree.", "Trained logistic.", "<h1>Drift</h1>")]
    assert found == sorted(found)
    assert "notify" not in text


def test_a_run_that_is_under_way_says_so_and_looks_again(server: Server) -> None:
    started = httpx.post(
        f"{server.address}/api/v2/dags/{DAG_ID}/dagRuns",
        headers={"Authorization": f"Bearer {server.tokens['starter']}"},
        json={"dag_run_id": "waiting", "logical_date": None},
        timeout=30,
    )
    assert started.is_success, started.text
    of_run = server.page("summary", DAG_ID, "waiting").text
    of_task = server.page("summary", DAG_ID, "waiting", "ingest", -1).text
    assert "No task has finished yet" in of_run
    assert "Nothing yet" in of_task
    assert all('http-equiv="refresh"' in page for page in (of_run, of_task))
    assert 'http-equiv="refresh"' not in server.page("summary", DAG_ID, "RUN").text


@pytest.mark.parametrize(
    "place",
    [
        (DAG_ID, "no_such_run"),
        ("no_such_dag", "RUN"),
        (DAG_ID, "RUN", "no_such_task", -1),
        (DAG_ID, "RUN", "train", 2),
        (DAG_ID, "RUN", "ingest", "x"),
        (DAG_ID, "../..", "ingest", -1),
        (DAG_ID, "RUN", "<script>alert(1)</script>", -1),
    ],
)
def test_what_does_not_exist_is_not_found(server: Server, place: tuple) -> None:
    answer = server.page("summary", *place)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_the_drift_report_is_served_as_it_is_in_a_sandbox(server: Server) -> None:
    answer = server.page("report", DAG_ID, "RUN", "drift_check", -1)
    assert answer.text == "<h1>the drift report</h1>"
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none';")
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("map_index", range(len(TRICKS)), ids=[repr(trick) for trick in TRICKS])
def test_a_report_address_that_leads_elsewhere_is_not_followed(server: Server, map_index: int) -> None:
    answer = server.page("report", DAG_ID, "RUN", "trick", map_index)
    assert answer.status_code == 404
    assert "secret" not in answer.text


@pytest.mark.parametrize("trick", ["..%2f..%2fsecret.html", "%2e%2e/%2e%2e/secret.html", "../../secret.html", "%00"])
def test_path_tricks_in_the_address_are_not_found(server: Server, trick: str) -> None:
    """Sent through a plain socket: a client would tidy the address first."""
    request = (
        f"GET /shotclock/report/{DAG_ID}/{quote(server.run)}/drift_check/{trick} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {server.tokens['viewer']}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(server.address.rsplit(":", 1)[1])), timeout=30) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 404 " in answer.split(b"\r\n", 1)[0]
    assert b"secret" not in answer


def test_links_stand_only_on_the_task_that_left_something_to_open(server: Server) -> None:
    run = quote(server.run, safe="")
    assert server.links("drift_check") == {
        "Drift report": f"/shotclock/report/{DAG_ID}/{run}/drift_check/-1",
        "MLflow run": "http://mlflow.test:5001/#/experiments/1/runs/abc123?workflowType=machine_learning",
    }
    assert server.links("ingest") == {"Drift report": None, "MLflow run": None}
    assert server.links("train", map_index=0) == {"Drift report": None, "MLflow run": None}
    assert server.links("trick", map_index=0)["Drift report"].endswith("/trick/0")


def test_the_drift_report_link_of_the_task_opens_the_report(server: Server) -> None:
    address = server.links("drift_check")["Drift report"]
    assert address is not None
    assert server.get(address).text == "<h1>the drift report</h1>"
    assert address in server.page("summary", DAG_ID, "RUN").text


def test_the_model_health_pages_show_what_the_store_holds_and_text_stays_text(server: Server) -> None:
    for page in (server.health(), server.health("sample"), server.health("sample", "alerts", server.checks["alert"])):
        assert "&lt;script&gt;alert(1)" in page.text
        assert EVIL not in page.text
        assert "'unsafe-inline'" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
    assert f"/shotclock/health/sample/report/{server.checks['drift']}" in server.health("sample").text


def test_a_windows_report_is_served_from_mlflow_in_a_sandbox(server: Server) -> None:
    answer = server.health("sample", "report", server.checks["drift"])
    assert answer.text == "<h1>the report in MLflow</h1>"
    assert answer.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none';")


@pytest.mark.parametrize(
    "place",
    [
        ("no_such_project",),
        ("..%2f..%2fprojects%2fsample",),
        ("%2e%2e",),
        ("Sample",),
        ("sample.yaml",),
        ("sample", "report", "0" * 32),
        ("sample", "report", "..%2f..%2fsecret.html"),
        ("sample", "report", "performance"),
        ("no_such_project", "report", "drift"),
        ("sample", "alerts", "0" * 32),
        ("sample", "alerts", "drift"),
        ("sample", "alerts", "..%2f..%2fsecret.html"),
        ("no_such_project", "alerts", "alert"),
        ("sample", "gates", "0" * 32),
        ("sample", "windows", "1", "0" * 16),
        ("sample", "versions", "99"),
        ("sample", "cards", "99"),
        ("sample", "decisions", "drift"),
        ("no_such_project", "years", "newest"),
    ],
)
def test_what_is_no_project_and_no_report_is_not_found(server: Server, place: tuple[str, ...]) -> None:
    *front, last = place
    answer = server.health(*front, server.checks.get(last, last))
    assert answer.status_code == 404
    assert "the report in MLflow" not in answer.text


def test_the_pages_change_nothing_whatever_they_are_sent(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.tokens['starter']}"}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = httpx.request(method, f"{server.address}/shotclock/health/sample", headers=headers, timeout=30)
        assert answer.status_code == 405


def test_the_plugin_loads_and_adds_its_tabs_and_each_models_state_on_the_first_page(server: Server) -> None:
    assert server.get("/api/v2/plugins/importErrors").raise_for_status().json()["import_errors"] == []
    plugins = server.get("/api/v2/plugins").raise_for_status().json()["plugins"]
    own = next(plugin for plugin in plugins if plugin["name"] == "shotclock")
    views = own["external_views"]
    assert {view["destination"]: view["name"] for view in views} == {
        "task_instance": "Summary",
        "dag_run": "Summary",
        "dag": "Model health",
        "nav": "Model health",
    }
    assert len({view["url_route"] for view in views}) == 4
    (app,) = own["react_apps"]
    script = server.get(f"/{app['bundle_url']}").raise_for_status()
    assert app["destination"] == "dashboard"
    assert script.headers["content-type"].startswith("text/javascript")
    assert "globalThis.AirflowPlugin = " in script.text


def test_a_dags_tab_leads_to_its_model(server: Server) -> None:
    led = server.get(f"/shotclock/dag/{DAG_ID}")
    assert (led.status_code, led.headers["location"]) == (307, "/shotclock/health/sample")
    for other in ("a_dag_of_somebody", "no_such_project.training", "..%2f..%2fprojects%2fsample.training"):
        assert server.get(f"/shotclock/dag/{other}").status_code == 404
    assert server.get(f"/shotclock/dag/{DAG_ID}", user="outsider").status_code == 403


def test_a_worker_that_loads_the_plugin_does_not_load_its_app(server: Server) -> None:
    code = (
        "import sys; from airflow import plugins_manager as p; p.get_global_operator_extra_links();"
        "assert 'shotclock_ui.links' in sys.modules;"
        "assert not {'shotclock_ui.app', 'markdown_it', 'pandas', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=_environment(server.home, 1), cwd=server.home, check=True)


@pytest.fixture
def report_of(object_store, monkeypatch):
    """`report_of(address)`: the answer for a task that left this address, where data lies in an object store."""
    monkeypatch.syspath_prepend(ROOT / "plugins")
    from shotclock_ui import app, outputs

    monkeypatch.setenv("SHOTCLOCK_DATA", f"s3://{object_store.bucket()}/data")

    def answer(address):
        monkeypatch.setattr(outputs, "values", lambda *_: {"report": address})
        return app.report(DAG_ID, "run", "drift_check", "-1", None)

    return answer


def test_a_report_in_an_object_store_is_served_in_the_same_sandbox(report_of) -> None:
    folder = settings().data / "sample" / "runs" / "monitoring" / "m1"
    for name in ("drift_report.html", "rows.parquet"):
        objects.write(folder / name, b"<h1>the drift report</h1>")
    objects.write(folder.parents[4] / "secret.html", b"secret")
    served = report_of(str(folder / "drift_report.html"))
    assert (served.status_code, served.body) == (200, b"<h1>the drift report</h1>")
    assert served.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none';")
    bucket = str(folder.parents[4]).rstrip("/")
    for trick in (
        f"{bucket}/secret.html",
        f"{settings().data}/../secret.html",
        f"{bucket}/data/sample/runs/monitoring/m1/rows.parquet",
        "/etc/passwd",
        "file:///etc/passwd",
        "",
    ):
        refused = report_of(trick)
        assert refused.status_code == 404
        assert b"secret" not in refused.body


def test_a_report_that_cannot_be_reached_now_says_why(report_of, object_store) -> None:
    with object_store.refusing():
        answer = report_of(str(settings().data / "sample" / "runs" / "m1" / "drift_report.html"))
    assert answer.status_code == 503
    assert b"access denied" in answer.body
