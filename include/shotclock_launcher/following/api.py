"""Airflow's REST API, as far as the launcher needs it."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.running.credentials import Login

_PAGE = 100  # the largest page that Airflow gives
_TRIES = 4
_TIMEOUT = 30.0
_NEW_EACH = httpx.Limits(max_keepalive_connections=0)  # a kept one can close under a write, and that is never repeated


class ApiError(LaunchError):
    """Airflow answered with an error. `status` is the HTTP status, or None where there was no answer at all."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.may_pass = status is None or status >= 500  # no answer, or a trouble of the server's own: a busy database


class Api:
    """One user's access to one Airflow. A request that failed is made again where the trouble may pass.

    One that writes is made again only where Airflow answered with an error: then it has undone all of it. Where no answer
    came, nobody knows whether it was done.
    """

    def __init__(self, address: str, login: Login) -> None:
        self.address = address
        self._login = login
        self._token: str | None = None
        self._client = httpx.Client(timeout=_TIMEOUT, limits=_NEW_EACH, trust_env=False)  # never a proxy to ourselves

    def health(self) -> dict[str, Any]:
        """The state of each part and its last heartbeat. Needs no login."""
        return self._send("GET", "/api/v2/monitor/health", None)

    def warm_up(self) -> None:
        """Ask once what tasks will ask: their side of the API builds its routes, for seconds, at the first request."""
        self._send("GET", "/execution/health", None)

    def get(self, path: str, **query: str | int | bool) -> dict[str, Any]:
        return self._patiently("GET", f"{path}?{httpx.QueryParams(query)}" if query else path, None)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return self._patiently("POST", path, body, writes=True)

    def patch(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return self._patiently("PATCH", path, body, writes=True)

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run of a DAG with these parameters; gives its id. It bears a name of ours, so it is made only once."""
        run = f"manual__{datetime.now(UTC).isoformat()}"
        try:
            self._patiently("POST", f"/dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None, "conf": conf})
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:  # an earlier try, whose answer was lost, has made it
                raise
        return run

    def listed(self, path: str, key: str, **query: str | int | bool) -> Iterator[dict[str, Any]]:
        """Every entry of a collection, page by page."""
        yield from self._pages(lambda offset: self.get(path, **query, limit=_PAGE, offset=offset), key, _PAGE)

    def found(self, path: str, key: str, body: Mapping[str, object], size: int = _PAGE) -> Iterator[dict[str, Any]]:
        """Every entry that a search (`POST …/list`) finds; a page of `size` is asked for when it is needed."""
        body = {**body, "page_limit": size}
        yield from self._pages(lambda offset: self._patiently("POST", path, {**body, "page_offset": offset}), key, size)

    @staticmethod
    def _pages(page: Callable[[int], dict[str, Any]], key: str, size: int) -> Iterator[dict[str, Any]]:
        offset = 0
        while entries := page(offset)[key]:
            yield from entries
            offset += len(entries)
            if len(entries) < size:
                return

    def _patiently(
        self, method: str, path: str, body: Mapping[str, object] | None, *, writes: bool = False
    ) -> dict[str, Any]:
        for left in reversed(range(_TRIES)):
            try:
                return self._call(method, path, body)
            except ApiError as error:
                unknown = writes and error.status is None
                if not error.may_pass or unknown or not left:
                    raise
                time.sleep(1)
        raise AssertionError("unreachable")

    def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        if self._token is None:
            self._log_in()
        try:
            return self._send(method, f"/api/v2{path}", body, self._token)
        except ApiError as error:
            if error.status != httpx.codes.UNAUTHORIZED:
                raise
        self._log_in()  # a token lives for a day
        return self._send(method, f"/api/v2{path}", body, self._token)

    def _log_in(self) -> None:
        body = {"username": self._login.user, "password": self._login.password}
        self._token = str(self._send("POST", "/auth/token", body)["access_token"])

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, token: str | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = self._client.request(method, self.address + path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise ApiError(f"{method} {path}: no answer from {self.address} ({error})") from error
        if not answer.is_success:
            raise ApiError(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:2000]}", answer.status_code)
        content = answer.json()
        if not isinstance(content, dict):
            raise ApiError(f"{method} {path}: found {type(content).__name__}, expected an object")
        return content
