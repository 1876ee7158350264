"""Every route of Airflow's API and of our pages by each of FAB's roles and by nobody, behind the path of the address."""

import sys
from pathlib import Path

import httpx
import pytest
from loop import Loop, Outcome

sys.path.append(str(Path(__file__).parents[1] / "security"))

from attempts import API, OPEN, REDIRECTS, ROLES, pages, routes, writes

PROJECT = "kobe_shots"
OF_USERS = ("/assets/events", "/assets/1/materialize")
"""FAB's users may say that an asset is new: they may trigger anyway."""


class Airflow:
    """The API server, asked with each role's token or with none."""

    def __init__(self, stack: Loop, users: dict[str, str]) -> None:
        self._client = httpx.Client(timeout=60, trust_env=False)
        self._address = stack.api.address
        self._tokens = {role: self._token(role, password) for role, password in users.items()}

    def _token(self, role: str, password: str) -> str:
        answer = self.ask("POST", "/auth/token", json={"username": role, "password": password})
        return str(answer.json()["access_token"])

    def ask(self, method: str, path: str, role: str | None = None, **content: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens[role]}"} if role else {}
        return self._client.request(method, self._address + path, headers=headers, **content)


@pytest.fixture(scope="module")
def airflow(stack: Loop, undisturbed: Outcome, users: dict[str, str]) -> Airflow:
    return Airflow(stack, users)


@pytest.fixture(scope="module", autouse=True)
def nothing_changed(stack: Loop, airflow: Airflow):
    def state() -> dict[str, object]:
        count = lambda path: stack.api.get(path, limit=1)["total_entries"]  # noqa: E731
        dags = sorted((dag["dag_id"], dag["is_paused"]) for dag in stack.api.listed("/dags", "dags"))
        return {"dags": dags, **{name: count(f"/{name}") for name in ("connections", "variables", "pools")}}

    before = state()
    yield
    assert state() == before


def test_who_is_below_the_role_is_refused_each_write(airflow: Airflow) -> None:
    answered = {}
    for method, path, body, named in writes(PROJECT):
        least = "user" if path in OF_USERS else named
        for role in (None, *(ROLES[: ROLES.index(least)] if least else ROLES)):
            answered[role, method, path] = airflow.ask(method, API + path, role, json=body).status_code
    assert len(answered) > 80
    assert {key: status for key, status in answered.items() if status != (403 if key[0] else 401)} == {}


def test_without_a_token_airflow_says_only_that_it_runs_and_a_viewer_writes_nothing(airflow: Airflow) -> None:
    """404 and 422: what is named is not there, or the body that would say what is asked for is empty."""
    every = routes(airflow.ask("GET", "/openapi.json", "admin").json(), PROJECT)
    assert len(every) > 100
    for method, path in every:
        sent = None if method == "GET" else {}
        if path not in OPEN | REDIRECTS:
            assert airflow.ask(method, path, json=sent).status_code == 401, (method, path)
        if method != "GET" and not path.endswith("favorite"):  # marks of one's own
            assert airflow.ask(method, path, "viewer", json=sent).status_code in (403, 404, 422), (method, path)


@pytest.mark.parametrize("page", pages(PROJECT))
def test_our_pages_are_for_who_is_logged_in_and_take_nothing(airflow: Airflow, page: str) -> None:
    assert airflow.ask("GET", page).status_code == 401
    for role in ROLES:
        assert airflow.ask("GET", page, role).status_code in (200, 404)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert airflow.ask(method, page, "admin", json={}).status_code in (404, 405)
