"""Who follows a link, an alert's say, and is not logged in, comes to Airflow's login and from there to the page."""

from urllib.parse import urlencode

from fastapi import Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from shotclock_ui.links import api_address, home_address

_UNKNOWN = 401


async def to_the_login(request: Request, error: Exception) -> Response:
    """A page that somebody opens leads to the login. Whoever else asks, a button or a script, is told 401 as by Airflow's API.

    Where a login may lead on to, Airflow checks itself: to nothing but its own pages.
    """
    assert isinstance(error, HTTPException)
    opened = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code != _UNKNOWN or not opened:
        return await http_exception_handler(request, error)
    wanted = urlencode({"next": _path(request)})
    return RedirectResponse(f"{api_address()}/auth/login?{wanted}", 303, {"Cache-Control": "no-store"})


def _path(request: Request) -> str:
    """The page as it was asked for, since a run's id may hold a `?`; below Airflow's path, which a proxy may cut off."""
    sent, base = request.scope["raw_path"].decode("ascii"), home_address()
    return sent if sent.startswith(base) else f"{base}{sent.removeprefix('/')}"
