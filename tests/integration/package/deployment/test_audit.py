"""An audit believes only a service that was asked about every package and is known to know something."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shotclock_deployment import audit

KNOWN = {"name": "PyYAML", "version": "5.3", "vulns": [{"id": "PYSEC-1", "fix_versions": ["5.4"]}]}
LOCK = """\
alpha[extra]==1.0 \\
    --hash=sha256:aa
alpha==1.0 \\
    --hash=sha256:aa
    # via beta==9
beta-two==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:bb
beta-two==2.1 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
"""
PINS = [("alpha", "1.0"), ("beta-two", "2.0"), ("beta-two", "2.1")]


def clean(*pins):
    return [{"name": name, "version": version, "vulns": []} for name, version in pins]


def test_a_lock_is_asked_about_for_every_python_that_it_is_for():
    assert audit.pins(LOCK) == PINS


def test_what_was_looked_up_and_has_nothing_against_it_is_in_order():
    assert audit.judged(PINS, [*clean(("Alpha", "1.0"), ("beta_two", "2.0"), ("beta.two", "2.1")), KNOWN]) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        ([], "3 of 3 packages could not be looked up: alpha 1.0, beta-two 2.0, beta-two 2.1"),
        (
            [{"name": "alpha", "skip_reason": "not there"}, *clean(*PINS[1:]), KNOWN],
            "1 of 3 packages could not be looked",
        ),
        ([*clean(*PINS[:2]), KNOWN], "1 of 3 packages could not be looked up: beta-two 2.1"),
        ([*clean(*PINS), *clean(("pyyaml", "5.3"))], "the service told nothing of pyyaml 5.3, which has known"),
        (clean(*PINS), "the service told nothing of pyyaml 5.3"),
        ([*clean(*PINS), KNOWN | {"version": "6.0"}], "the service told nothing of pyyaml 5.3"),
        (
            [
                *clean(*PINS[1:]),
                KNOWN,
                {"name": "alpha", "version": "1.0", "vulns": [{"id": "X-1", "fix_versions": []}]},
            ],
            "alpha 1.0: X-1, mended in no version yet",
        ),
    ],
)
def test_anything_else_is_a_fault(found, fault):
    assert [one for one in audit.judged(PINS, found) if one.startswith(fault)]


@pytest.fixture
def service(tmp_path):
    """`service(answer)`: the audit of a small lock by a server that says of a package and its version what `answer` gives."""

    def ask(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, content = answer(asked["package"]["name"], asked["version"])
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_):
                pass

        lock = tmp_path / "requirements.txt"
        lock.write_text(LOCK)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/v1/query"
            return audit.main(lock, ["--vulnerability-service", "osv", "--osv-url", url])
        finally:
            server.shutdown()
            server.server_close()

    return ask


def knows(*vulnerable):
    told = {"vulns": [{"id": "PYSEC-2020-1", "summary": "x", "affected": []}]}
    return lambda name, version: (200, told if (name, version) in vulnerable else {})


def test_a_service_that_knows_something_is_believed(service):
    assert service(knows(("pyyaml", "5.3"))).endswith("3 packages looked up, none with a known vulnerability")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (knows(), "its silence proves nothing"),
        (knows(("pyyaml", "5.3"), ("beta-two", "2.1")), "beta-two 2.1: PYSEC-2020-1"),
        (lambda *_: (404, {}), "nothing was looked up"),
        (lambda *_: (503, {}), "nothing was looked up"),
    ],
)
def test_no_other_is(service, answer, said):
    with pytest.raises(SystemExit, match=said):
        service(answer)
