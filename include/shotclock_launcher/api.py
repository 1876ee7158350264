"""Airflow's REST API, as far as the launcher needs it."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from shotclock_launcher.credentials import Login
from shotclock_launcher.errors import LaunchError

_PAGE = 100  # the largest page that Airflow gives
_TRIES = 4
_TIMEOUT = 30.0


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
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never a proxy to ourselves

    def health(self) -> dict[str, Any]:
        """The state of each part and its last heartbeat. Needs no login."""
        return self._send("GET", "/api/v2/monitor/health", None)

    def warm_up(self) -> None:
        """Ask once what tasks will ask: their side of the API builds its routes, for seconds, at the first request."""
        self._send("GET", "/execution/health", None)

    def get(self, path: str, **query: object) -> dict[str, Any]:
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._patiently("GET", path + suffix, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._patiently("POST", path, body, writes=True)

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._patiently("PATCH", path, body, writes=True)

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run of a DAG with these parameters; gives its id. It bears a name of ours, so it is made only once."""
        run = f"manual__{datetime.now(UTC).isoformat()}"
        try:
            self._patiently("POST", f"/dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None, "conf": conf})
        except ApiError as error:
            if error.status != http.client.CONFLICT:  # an earlier try, whose answer was lost, has made it
                raise
        return run

    def listed(self, path: str, key: str, **query: object) -> Iterator[dict[str, Any]]:
        """Every entry of a collection, page by page."""
        yield from self._pages(lambda offset: self.get(path, **query, limit=_PAGE, offset=offset), key, _PAGE)

    def found(self, path: str, key: str, body: dict[str, Any], size: int = _PAGE) -> Iterator[dict[str, Any]]:
        """Every entry that a search (`POST …/list`) finds; a page of `size` is asked for when it is needed."""
        body = body | {"page_limit": size}
        yield from self._pages(lambda offset: self._patiently("POST", path, body | {"page_offset": offset}), key, size)

    @staticmethod
    def _pages(page: Callable[[int], dict[str, Any]], key: str, size: int) -> Iterator[dict[str, Any]]:
        offset = 0
        while entries := page(offset)[key]:
            yield from entries
            offset += len(entries)
            if len(entries) < size:
                return

    def _patiently(
        self, method: str, path: str, body: dict[str, Any] | None, *, writes: bool = False
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

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        if self._token is None:
            self._log_in()
        try:
            return self._send(method, f"/api/v2{path}", body, self._token)
        except ApiError as error:
            if error.status != http.client.UNAUTHORIZED:
                raise
        self._log_in()  # a token lives for a day
        return self._send(method, f"/api/v2{path}", body, self._token)

    def _log_in(self) -> None:
        body = {"username": self._login.user, "password": self._login.password}
        self._token = str(self._send("POST", "/auth/token", body)["access_token"])

    def _send(self, method: str, path: str, body: dict[str, Any] | None, token: str | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                content = json.load(answer)
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")[:2000]
            raise ApiError(f"{method} {path}: HTTP {error.code}: {detail}", error.code) from error
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(f"{method} {path}: no answer from {self.address} ({error})") from error
        if not isinstance(content, dict):
            raise ApiError(f"{method} {path}: found {type(content).__name__}, expected an object")
        return content
