"""The endpoint over HTTP, with the addresses of MLflow's scoring server, once for each project."""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from shotclock.errors import ContractError
from shotclock.serving import protocol
from shotclock.serving.limits import MOST_BYTES, TooLargeError
from shotclock.serving.rules import BrokenError
from shotclock.serving.service import Loaded, Served, Service

Result = TypeVar("Result")

_AT_ONCE = 32 * 2**10  # bytes: smaller JSON is answered in less time than it takes to hand it to a thread
_THREADS = 1  # large requests that are worked on at a time: reading JSON gives no other thread its turn for up to half a second
_PATIENCE = 30.0  # seconds, first for the whole body to come, then for a thread to be free
_CODES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "REQUEST_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "CONTRACT_BROKEN",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


def make(service: Service) -> Starlette:
    """The application; `service` is started and ended by the caller."""
    routes = []
    for prefix in ("", "/projects/{project}"):
        routes += [
            Route(f"{prefix}/ping", _ping),
            Route(f"{prefix}/health", _health),
            Route(f"{prefix}/version", _version),
            Route(f"{prefix}/invocations", _invocations, methods=["POST"]),
        ]
    handlers: Any = {
        HTTPException: _told,
        TooLargeError: _too_much,
        BrokenError: _broken,
        ContractError: _bad_request,
        Exception: _failed,
    }
    app = Starlette(routes=[Route("/", _explanation), *routes], exception_handlers=handlers)
    app.state.service = service
    app.state.threads = asyncio.Semaphore(_THREADS)
    return app


async def _invocations(request: Request) -> Response:
    loaded = _answering(request)
    request.state.loaded = loaded
    try:
        kind = protocol.media_type(request.headers.get("content-type"))
    except protocol.MediaTypeError as error:
        raise HTTPException(415, str(error)) from error
    body = await _in_time(_body(request), 408, "the body did not come")
    if kind == protocol.JSON and len(body) <= _AT_ONCE:
        found = loaded.respond(body, kind)
    else:
        threads: asyncio.Semaphore = request.app.state.threads
        await _in_time(threads.acquire(), 503, "other large requests are not done")
        try:
            found = await asyncio.to_thread(loaded.respond, body, kind)
        finally:
            threads.release()
    return Response(found, media_type=protocol.JSON, headers=_named(loaded))


async def _in_time(coming: Coroutine[Any, Any, Result], status: int, said: str) -> Result:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await coming
    except TimeoutError as error:
        raise HTTPException(status, f"{said} within {_PATIENCE:g} s", headers={"Connection": "close"}) from error


async def _body(request: Request) -> bytes:
    """The whole body; a larger one than allowed is refused before it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        raise _too_large(int(declared))
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise _too_large(size)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(size: int) -> HTTPException:
    said = (
        f"the body: found {size:,} bytes or more, allowed are {MOST_BYTES:,}; send fewer rows, or score them as a batch"
    )
    return HTTPException(413, said, headers={"Connection": "close"})


async def _ping(request: Request) -> Response:
    return Response("\n", media_type=protocol.JSON, headers=_named(_answering(request)))


async def _version(request: Request) -> Response:
    """The version of MLflow, as MLflow answers; that of the model stands in the headers."""
    return Response(installed("mlflow"), media_type=protocol.JSON, headers=_named(_served(request).current))


async def _health(request: Request) -> Response:
    served = _served(request)
    status = 200 if served.current else 503
    return JSONResponse(_condition(request.app.state.service, served), status, headers=_named(served.current))


def _condition(service: Service, served: Served) -> dict[str, object]:
    """What there is to know about a project's endpoint. `refused`: a newer champion that could not be taken over."""
    current, refused = served.current, served.refused
    return {
        "project": served.project,
        "status": "no champion" if current is None else "champion refused" if refused else "ok",
        "model_version": current.version.number if current else None,
        "model_uri": current.version.uri if current else None,
        "features": current.asked if current else None,
        "answering_since": datetime.fromtimestamp(current.since, UTC).isoformat() if current else None,
        "refused": {"model_version": refused.number, "reason": refused.reason} if refused else None,
        "store": service.trouble or "ok",
    }


async def _explanation(request: Request) -> Response:
    """What this is and how to use it, as text for a terminal."""
    service: Service = request.app.state.service
    projects = "\n".join(f"  {served.project:<24} {_state(served)}" for served in service.all())
    default = service.served()
    current, about = (default.current, default.project) if default else (None, "(none yet)")
    row = current.row if current else {"column": 0}
    return PlainTextResponse(
        f"""Shotclock's endpoint: the champion of each project, by MLflow's scoring protocol.

  POST /invocations        rows in, probabilities of the labels 0 and 1 out, for the project {about}
  GET  /ping               200 as soon as a champion answers, 503 before
  GET  /health             the same, with what is known about it, as JSON
  GET  /version            the version of MLflow
  /projects/<name>/...     the same four for any project

Projects:
{projects}

Try:
  curl {request.base_url}invocations -H 'Content-Type: application/json' \\
    -d '{json.dumps({"dataframe_records": [row]})}'

The header X-Model-Version says which version answered. The page docs/serving.md says more.
"""
    )


def _state(served: Served) -> str:
    return f"version {served.current.version.number} answers" if served.current else "no champion yet"


def _served(request: Request) -> Served:
    service: Service = request.app.state.service
    name = request.path_params.get("project")
    found = service.served(name)
    if found is None and name is None:
        raise HTTPException(503, "there is no project file yet; docs/project-file.md says what is in one")
    if found is None:
        known = ", ".join(served.project for served in service.all())
        raise HTTPException(404, f"there is no project '{name}'; found {known}")
    return found


def _answering(request: Request) -> Loaded:
    served = _served(request)
    if served.current is None:
        said = served.nobody
        if served.refused:
            said = f"project '{served.project}': its champion could not be loaded: {served.refused.reason}"
        raise HTTPException(503, said, headers={"Retry-After": "1"})
    return served.current


def _named(loaded: Loaded | None) -> dict[str, str]:
    """The headers that say which version answered."""
    return {"X-Model-Name": loaded.version.project, "X-Model-Version": loaded.version.number} if loaded else {}


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(request, error.status_code, error.detail, error.headers)


async def _bad_request(request: Request, error: Exception) -> Response:
    return _error(request, 400, str(error))


async def _broken(request: Request, error: Exception) -> Response:
    assert isinstance(error, BrokenError)
    return _error(request, 422, str(error), broken_rows=error.broken, flags=error.flags)


async def _too_much(request: Request, error: Exception) -> Response:
    return _error(request, 413, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    return _error(request, 500, f"{type(error).__name__}; the log of the server says more")


def _error(
    request: Request, status: int, said: str, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """A refusal as MLflow words it, with the version where one was asked."""
    loaded: Loaded | None = getattr(request.state, "loaded", None)
    content = {"error_code": _CODES.get(status, "ERROR"), "message": said, **more}
    if loaded:
        content["model_version"] = loaded.version.number
    return JSONResponse(content, status, headers={**(headers or {}), **_named(loaded)})
