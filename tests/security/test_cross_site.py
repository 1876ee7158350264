"""Another site's page in the browser of somebody who is logged in: what it can have the browser send, and what comes of it."""

import httpx
import pytest
from doors import PROJECT, Doors

EVIL = ("http://evil.example", "http://127.0.0.1:1", "http://localhost:1", "null", "https://127.0.0.1.evil.example")
BODY = '{"logical_date": null, "conf": {}}'
SENT = {  # what a page may send without asking first, and the one that it may not
    "nothing": {},
    "a form": {"data": {"logical_date": "", "conf": "{}"}},
    "a form with JSON for a name": {"content": f'{BODY[:-1]}, "x": "="}}', "headers": {"Content-Type": "text/plain"}},
    "a form with a file": {"files": {"body": ("x.json", BODY)}},
    "plain text": {"content": BODY, "headers": {"Content-Type": "text/plain"}},
    "plain text that speaks of JSON": {"content": BODY, "headers": {"Content-Type": "text/plain; application/json"}},
    "bytes of no type": {"content": BODY},
}
WRITING = (
    f"/api/v2/dags/{PROJECT}.training/dagRuns",
    f"/api/v2/dags/{PROJECT}.rollback/dagRuns",
    f"/api/v2/dags/{PROJECT}.training/clearTaskInstances",
    "/api/v2/connections",
    "/api/v2/variables",
    "/api/v2/pools",
    "/api/v2/assets/events",
    "/api/v2/backfills",
)


def cookie(doors: Doors) -> dict[str, str]:
    """What the administrator's browser sends with each request to Airflow."""
    return {"Cookie": f"_token={doors.tokens['admin']}"}


@pytest.mark.parametrize("origin", [None, *EVIL])
@pytest.mark.parametrize("sent", SENT)
def test_what_a_page_sends_without_asking_starts_nothing(
    doors: Doors, nothing_changed, sent: str, origin: str | None
) -> None:
    content = dict(SENT[sent])
    headers = content.pop("headers", {}) | cookie(doors) | ({"Origin": origin} if origin else {})
    for path in WRITING:
        # Airflow has 500 for `clearTaskInstances` and a body that is no JSON: it fails over the words that refuse it
        assert doors.ask("POST", path, headers=headers, **content).status_code >= 400, path


@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
def test_a_browser_that_asks_first_whether_it_may_send_json_is_told_no(doors: Doors, method: str, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    for path in WRITING:
        answer = doors.ask("OPTIONS", path, headers=asked | cookie(doors))
        assert answer.headers.get("Access-Control-Allow-Origin") not in (origin, "*")


@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize(
    "path", ["/shotclock/health", f"/shotclock/health/{PROJECT}", "/api/v2/dags", "/api/v2/connections"]
)
def test_what_a_page_reads_by_a_browser_it_is_not_shown(doors: Doors, path: str, origin: str) -> None:
    answer = doors.ask("GET", path, headers=cookie(doors) | {"Origin": origin})
    assert answer.headers.get("Access-Control-Allow-Origin") not in (origin, "*")


def test_no_foreign_page_frames_ours(doors: Doors) -> None:
    for path in ("/shotclock/health", f"/shotclock/health/{PROJECT}"):
        policy = doors.ask("GET", path, "admin").headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in policy


def test_the_cookie_of_a_login_is_not_sent_by_other_sites_pages(doors: Doors) -> None:
    login = {"username": "admin", "password": doors.passwords["admin"]}
    with httpx.Client(base_url=doors.layout.address, timeout=60, trust_env=False) as client:
        told = [client.post(path, json=login) for path in ("/auth/token", "/auth/token/login")]
    set_cookies = [cookie for answer in told for cookie in answer.headers.get_list("Set-Cookie")]
    assert all("samesite=lax" in cookie.lower() or "samesite=strict" in cookie.lower() for cookie in set_cookies)


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example"])
def test_mlflow_takes_nothing_from_a_foreign_page(doors: Doors, origin: str) -> None:
    address = f"{doors.layout.mlflow_address}/api/2.0/mlflow/experiments/create"
    login = (doors.stack.login.user, doors.stack.login.password)
    with httpx.Client(timeout=60, trust_env=False) as client:
        answer = client.post(address, auth=login, json={"name": "planted"}, headers={"Origin": origin})
        assert answer.status_code == 403
        found = client.get(
            f"{doors.layout.mlflow_address}/api/2.0/mlflow/experiments/get-by-name?experiment_name=planted", auth=login
        )
        assert found.status_code == 404
        host = client.get(f"{doors.layout.mlflow_address}/", auth=login, headers={"Host": "evil.example"})
        assert host.status_code == 403
