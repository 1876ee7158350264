"""One writing request at a time, so that none waits for SQLite's write lock while another of this server holds it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_ONLY_READS = {"GET", "HEAD", "OPTIONS"}


class OneWriter:
    """ASGI middleware. A request that may write waits for the ones before it, and what it writes is committed when it goes.

    Airflow writes its audit record on the event loop. If a request in another thread (a task's heartbeat) holds the write
    lock then, neither can go on: the loop waits for the lock, and the other's commit waits for the loop. After SQLite's
    time-out the first request fails with "Database error", and tasks and the scheduler have stood still until then. SQLite
    lets nobody write side by side anyway, so to wait here, where waiting blocks no one, costs nothing.

    Read in Airflow 3.3.2 (`action_logging` in `airflow.api_fastapi.logging.decorators`). Upstream: apache/airflow#66726, which
    answers 503 for one address. Goes: when no `async` function there commits; `tests/dags/test_internals.py` fails then.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in _ONLY_READS:
            await self._app(scope, receive, send)
            return
        async with self._turn:
            await self._app(scope, receive, send)
