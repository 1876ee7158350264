"""Every route of Airflow's API and of our pages, by each role and by nobody: what is not a role's business is refused."""

import base64
import hmac
import http.client
import json
import time

import jwt
import pytest
from attempts import API, OPEN, REDIRECTS, ROLES, pages, routes, writes
from doors import PROJECT, Doors

PAGES = pages(PROJECT)


def every_route(doors: Doors) -> list[tuple[str, str]]:
    return routes(doors.ask("GET", "/openapi.json", "admin").json(), PROJECT)


def test_without_a_token_airflow_says_only_that_it_runs(doors: Doors, nothing_changed) -> None:
    every = [place for place in every_route(doors) if place[1] not in OPEN | REDIRECTS]
    assert len(every) > 100
    answered = {(m, path): doors.ask(m, path, json=None if m == "GET" else {}).status_code for m, path in every}
    assert {place: status for place, status in answered.items() if status != 401} == {}


def test_a_viewer_writes_by_no_route(doors: Doors, nothing_changed) -> None:
    """404 and 422: what is named is not there, or the body that would say what is asked for is empty."""
    writing = [
        (m, path) for m, path in every_route(doors) if m != "GET" and not path.endswith("favorite")
    ]  # marks of one's own
    assert len(writing) > 45
    answered = {(m, path): doors.ask(m, path, "viewer", json={}).status_code for m, path in writing}
    assert {place: status for place, status in answered.items() if status not in (403, 404, 422)} == {}


@pytest.mark.parametrize(("method", "path", "body", "least"), writes(PROJECT))
def test_who_is_below_the_role_is_refused(
    doors: Doors, nothing_changed, method: str, path: str, body: dict | None, least: str | None
) -> None:
    below = ROLES[: ROLES.index(least)] if least else ROLES
    for role in below:
        answer = doors.ask(method, API + path, role, json=body)
        assert answer.status_code == 403, (role, answer.text)
    assert doors.ask(method, API + path, json=body).status_code == 401


@pytest.mark.parametrize("page", PAGES)
def test_our_pages_are_for_who_is_logged_in_and_take_nothing(doors: Doors, nothing_changed, page: str) -> None:
    assert doors.ask("GET", page).status_code == 401
    for role in ROLES:
        assert doors.ask("GET", page, role).status_code in (200, 404)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert doors.ask(method, page, role, json={}).status_code in (404, 405)
    for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        assert doors.ask(method, page).status_code in (401, 404, 405)


@pytest.mark.parametrize(
    "path", ["/shotclock/docs", "/shotclock/redoc", "/shotclock/openapi.json", "/shotclock/", "/shotclock"]
)
def test_our_pages_describe_themselves_to_nobody(doors: Doors, path: str) -> None:
    answer = doors.ask("GET", path, "admin")  # what is no path of ours is Airflow's own page
    assert answer.status_code == 404 or "Shotclock" not in answer.text
    assert "openapi" not in answer.text.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/shotclock/health/../../api/v2/dags",
        "/shotclock/health/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/shotclock/../api/v2/connections",
        "//shotclock/health",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/api/v2/monitor/health/../../dags",
        "/api/v2/version/..%2fdags",
        "/execution/dag-runs/shots.training/x/state",
        "/execution/variables/x",
        "/execution/connections/x",
        "/execution/xcoms/shots.training/x/split/return_value",
    ],
)
def test_no_way_leads_around_the_login(doors: Doors, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", doors.layout.port, timeout=60)  # leaves the dots as they are
    connection.request("GET", path)
    answer = connection.getresponse()
    said = answer.read().decode("utf-8", "replace")
    connection.close()
    assert answer.status in (401, 403, 404) or "<!doctype html>" in said.lower()  # the page that asks for the login
    assert "root:" not in said and f"{PROJECT}.training" not in said


def _without_key(signed: str, algorithm: str) -> str:
    """The signature that an empty key gives: PyJWT itself refuses to make it."""
    made = hmac.digest(b"", signed.encode(), algorithm.replace("HS", "sha"))
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def forged(doors: Doors) -> dict[str, str]:
    """Tokens that were never given out: of no key, of another one, of another name, past their time, of a task."""
    real = jwt.decode(doors.tokens["viewer"], options={"verify_signature": False})
    head = jwt.get_unverified_header(doors.tokens["viewer"])
    part = lambda content: base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()  # noqa: E731
    payload, signature = part(real | {"role": "ADMIN"}), doors.tokens["viewer"].split(".")[2]
    key = doors.stack.env["AIRFLOW__API_AUTH__JWT_SECRET"]
    other = "x" * 86
    past = {"iat": time.time() - 9999, "nbf": time.time() - 9999, "exp": time.time() - 999}
    sign = lambda claims, with_key: jwt.encode(claims, with_key, algorithm=head["alg"], headers=head)  # noqa: E731
    return {
        "of no algorithm": f"{part({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "of another role under its signature": f"{part(head)}.{payload}.{signature}",
        "of another key": sign(real | {"role": "ADMIN"}, other),
        "of no key": f"{part(head)}.{payload}.{_without_key(f'{part(head)}.{payload}', head['alg'])}",
        "past its time": sign(real | past, key),
        "of another audience": sign(real | {"aud": "elsewhere"}, key),
        "for a task": sign(real | {"aud": "urn:airflow.apache.org:task", "scope": "execution"}, key),
        "of one dot": ".",
        "long": "x" * 60_000,
    }


def test_a_token_that_was_not_given_out_opens_nothing(doors: Doors, nothing_changed) -> None:
    for name, token in forged(doors).items():
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"_token={token}"}):
            for method, path in (
                ("GET", f"{API}/dags"),
                ("GET", PAGES[0]),
                ("POST", f"{API}/dags/{PROJECT}.training/dagRuns"),
            ):
                answer = doors.ask(
                    method, path, headers=headers, json=None if method == "GET" else {"logical_date": None}
                )
                assert answer.status_code in (400, 401, 403, 431), (name, headers.keys(), path, answer.status_code)


@pytest.mark.parametrize(
    "body", [{}, {"username": "admin"}, {"username": "admin", "password": ""}, {"username": "viewer", "password": "x"}]
)
def test_without_the_password_there_is_no_token(doors: Doors, body: dict[str, str]) -> None:
    for path in ("/auth/token", "/auth/token/cli"):
        assert doors.ask("POST", path, json=body).status_code in (400, 401, 404, 422)
    assert doors.ask("GET", "/auth/token").status_code in (401, 403, 404, 405)
    assert doors.ask("GET", "/auth/token/login").status_code in (401, 403, 404, 405)
