"""The commands of the services: `python -m shotclock_deployment.…`."""

import stat
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from shotclock_deployment import backup, health, keys


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # a service is never asked through a proxy
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 1), (503, 1)])
def test_a_service_is_well_where_it_answers_with_200(address, status, code):
    assert health.main(f"{address}/{status}") == code


def test_a_service_that_does_not_answer_is_named(capsys):
    assert health.main("http://127.0.0.1:9/") == 1
    assert "http://127.0.0.1:9/: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("", "http://api:8080/execution/health"),
        ("http://localhost:8080", "http://api:8080/execution/health"),
        ("https://host/", "http://api:8080/execution/health"),
        ("https://host/airflow", "http://api:8080/airflow/execution/health"),
        ("https://host/airflow/", "http://api:8080/airflow/execution/health"),
        ("https://host:8443/a/b", "http://api:8080/a/b/execution/health"),
        ("https://host/execution", "http://api:8080/execution/execution/health"),
    ],
)
def test_tasks_ask_below_the_path_of_airflows_own_address(base, asked):
    assert health.as_tasks_ask("http://api:8080/execution/health", base) == asked


@pytest.mark.parametrize("url", ["http://s:8974/health", "http://a:8080/airflow/execution/", "http://m/executions/"])
def test_other_addresses_stay_as_they_are(url):
    assert health.as_tasks_ask(url, "https://host/airflow") == url


@pytest.mark.parametrize(("base", "code"), [("https://host/airflow", 0), ("https://host", 1), ("", 1)])
def test_the_api_server_is_asked_what_tasks_ask(monkeypatch, base, code):
    """It answers as Airflow's does behind the path `/airflow`."""

    class Airflow(Handler):
        def do_GET(self):
            self.send_response(200 if self.path == "/airflow/execution/health" else 404)
            self.end_headers()

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    with HTTPServer(("127.0.0.1", 0), Airflow) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        assert health.main(f"http://127.0.0.1:{server.server_port}/execution/health") == code
        server.shutdown()


def test_looking_at_a_services_health_loads_nothing_but_the_standard_library():
    code = (
        "import sys; before = set(sys.modules); import shotclock_deployment.health; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names == {
        "shotclock_deployment"
    }


def test_keys_are_added_once_and_only_their_owner_reads_them(tmp_path):
    file = tmp_path / ".env"
    first, second = (CliRunner().invoke(keys.app, [str(file)]) for _ in range(2))
    assert first.stdout.startswith(f"{file}: added POSTGRES_PASSWORD, ")
    assert second.stdout == f"{file}: nothing is lacking\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_backup_that_is_none_ends_with_1_and_says_so(tmp_path):
    done = CliRunner().invoke(backup.app, ["restore", str(tmp_path)])
    assert done.exit_code == 1
    assert "manifest.json: no such file; name the folder of a backup that was finished" in str(
        done.exception or done.stderr
    )


@pytest.mark.parametrize(
    ("app", "arguments"), [(backup.app, ["keep", "folder"]), (backup.app, ["save"]), (keys.app, [])]
)
def test_what_is_not_understood_ends_with_2(app, arguments):
    assert CliRunner().invoke(app, arguments).exit_code == 2
