"""A rollback without a reason is refused where it is asked for, by Airflow's own API.

The parameter of the DAG cannot refuse it: what stands there by default is what a demotion's alert starts the run with, and
Airflow checks that like a person's. Without this the run was taken, and failed at its only step.
"""

import json
import re

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TRIGGERS = re.compile(r"/dags/[^/]+\.rollback/dagRuns/?$")
_REASON = "reason: found nothing, expected a sentence: why is this version taken out of service? Say it in conf.reason"


class RollbackReason:
    """For `fastapi_root_middlewares`: everything else passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not _TRIGGERS.search(scope["path"]):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        refused = JSONResponse({"detail": _REASON}, 422)
        await (self._app if _may_pass(body) else refused)(scope, again, send)


def _may_pass(body: bytes) -> bool:
    """Whether there is a reason; what is no request at all Airflow itself refuses, and what is another type the parameter."""
    try:
        told = json.loads(body)
    except ValueError:
        return True
    if not isinstance(told, dict) or not isinstance(conf := told.get("conf") or {}, dict):
        return True
    reason = conf.get("reason", "")
    return not isinstance(reason, str) or bool(reason.strip())
