"""A rollback without a reason is refused before Airflow makes a run of it."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

PLACE = "/api/v2/dags/kobe_shots.rollback/dagRuns"


@pytest.fixture
def asked(_airflow):
    """`asked(path, body)`: what Airflow's API would answer, which gives back what it was sent."""
    import asyncio

    from shotclock_ui.refusals import RollbackReason

    async def echo(request):
        return JSONResponse({"taken": (await request.body()).decode()})

    app = RollbackReason(Starlette(routes=[Route("/{rest:path}", echo, methods=["GET", "POST"])]))

    async def ask(path, method, content):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, content=content)

    return lambda path, content=None, method="POST": asyncio.run(ask(path, method, content))


@pytest.mark.parametrize(
    "body", ["{}", '{"conf": null}', '{"conf": {}}', '{"conf": {"reason": ""}}', '{"conf": {"reason": " \\n "}}']
)
@pytest.mark.parametrize("place", [PLACE, f"/airflow{PLACE}"])
def test_no_reason_is_refused(asked, place, body):
    found = asked(place, body)
    assert found.status_code == 422
    assert found.json()["detail"].startswith("reason: found nothing, expected a sentence")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PLACE, '{"conf": {"reason": "too eager"}}'),
        (PLACE, '{"conf": {"reason": 5}}'),
        (PLACE, "no json"),
        (PLACE, '{"conf": ["reason"]}'),
        (f"{PLACE}/list", "{}"),
        ("/api/v2/dags/kobe_shots.retraining/dagRuns", "{}"),
    ],
)
def test_everything_else_reaches_airflow_as_it_was_sent(asked, path, body):
    assert asked(path, body).json() == {"taken": body}
    assert asked(path, method="GET").json() == {"taken": ""}
