"""The launcher's access to Airflow's API, against a server that answers as it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shotclock_launcher.following.api import Api, ApiError
from shotclock_launcher.running.credentials import Login

LOST = None  # instead of a status: the connection is cut without an answer
PATH = "/api/v2/dags/p.training/dagRuns"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
        if self.path == "/auth/token":
            return self._answer(201, {"access_token": "t"})
        self.server.asked.append((self.command, self.path, body))
        status = self.server.answers.pop(0)
        return self.connection.close() if status is LOST else self._answer(status, {"dag_run_id": "made by the server"})

    do_PATCH = do_GET = do_POST  # noqa: N815 - the names that the base class looks for

    def _answer(self, status, content):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """`server.answers` is what it will answer, `server.asked` what it was asked."""
    monkeypatch.setattr("shotclock_launcher.following.api.time.sleep", lambda _: None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answers = [], []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def api(server):
    return Api(f"http://127.0.0.1:{server.server_port}", Login("admin", "secret"))


def test_a_run_is_asked_for_by_one_name_until_it_is_made(server, api):
    server.answers = [500, LOST, 503, 200]
    run = api.trigger("p.training", reason="look")
    assert run.startswith("manual__")
    assert server.asked == [("POST", PATH, {"dag_run_id": run, "logical_date": None, "conf": {"reason": "look"}})] * 4


def test_a_run_that_a_lost_try_has_made_already_is_made(server, api):
    server.answers = [LOST, 409]
    assert api.trigger("p.training") == server.asked[0][2]["dag_run_id"]


def test_a_write_that_was_answered_with_an_error_is_made_again(server, api):
    server.answers = [500, 200, 502, 200]
    api.post("/assets/events", {"asset_id": 1})
    api.patch("/dags/p.training", {"is_paused": False})
    assert [method for method, *_ in server.asked] == ["POST"] * 2 + ["PATCH"] * 2


def test_a_write_without_an_answer_may_have_been_made_and_is_not_made_again(server, api):
    server.answers = [LOST, 200]
    with pytest.raises(ApiError, match=r"POST /api/v2/assets/events: no answer from http://127\.0\.0\.1"):
        api.post("/assets/events", {"asset_id": 1})
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_airflow_refuses_is_asked_once(server, api, status):
    server.answers = [status] * 2
    with pytest.raises(ApiError, match=f"HTTP {status}"):
        api.trigger("p.training")
    assert len(server.asked) == 1


def test_reading_is_tried_four_times_and_then_says_what_was_asked(server, api):
    server.answers = [LOST, 500, 500, 500]
    with pytest.raises(ApiError, match="GET /api/v2/dags: HTTP 500"):
        api.get("/dags")
    assert len(server.asked) == 4


def test_airflow_is_never_asked_through_a_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answers = [200]
    assert Api(f"http://127.0.0.1:{server.server_port}", Login("admin", "secret")).get("/dags") != {}
