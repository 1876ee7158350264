"""Who opens a page without a login is sent to Airflow's, and from there to the page, wherever Airflow lies."""

from urllib.parse import parse_qs, urlsplit

import pytest


@pytest.fixture
def client(_airflow):
    from fastapi import FastAPI, HTTPException
    from fastapi.testclient import TestClient
    from starlette.exceptions import HTTPException as HTTPError

    from shotclock_ui.login import to_the_login

    app = FastAPI(exception_handlers={HTTPError: to_the_login})

    @app.get("/{status}/{rest:path}")
    def refuse(status: int):
        raise HTTPException(status, "no")

    return TestClient(app, follow_redirects=False, headers={"Accept": "text/html"})


@pytest.mark.parametrize(
    ("base", "asked", "login", "wanted"),
    [
        ("http://localhost:8080", "/401/health", "/api/v2/auth/login", "/401/health"),
        ("http://localhost:8080/", "/401/what%3Fnow%20%23", "/api/v2/auth/login", "/401/what%3Fnow%20%23"),
        (
            "https://host/airflow",
            "/401/health",
            "/airflow/api/v2/auth/login",
            "/airflow/401/health",
        ),  # cut off by a proxy
        ("https://host/401", "/401/health", "/401/api/v2/auth/login", "/401/health"),
        ("https://host/a/b/", "/401/x?y=1", "/a/b/api/v2/auth/login", "/a/b/401/x"),
    ],
)
def test_the_login_leads_back_to_the_page_below_airflows_own_path(client, monkeypatch, base, asked, login, wanted):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    found = client.get(asked)
    assert (found.status_code, found.headers["cache-control"]) == (303, "no-store")
    place = urlsplit(found.headers["location"])
    assert (place.netloc, place.path, parse_qs(place.query)) == ("", login, {"next": [wanted]})


@pytest.mark.parametrize("status", [403, 404, 503])
def test_any_other_refusal_stays_what_it_is(client, status):
    assert client.get(f"/{status}/x").json() == {"detail": "no"}


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
def test_who_asks_for_no_page_is_told_401(client, accept):
    assert client.get("/401/x", headers={"Accept": accept}).status_code == 401
