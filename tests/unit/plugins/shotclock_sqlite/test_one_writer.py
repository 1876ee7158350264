"""The API server's middleware on SQLite: writing requests one after the other, reading ones side by side."""

import asyncio

import pytest

from shotclock_sqlite.one_writer import OneWriter


class Server:
    """An application whose requests take a moment; notes how many were at work at once."""

    def __init__(self):
        self.at_work = self.most = self.answered = 0

    async def __call__(self, scope, receive, send):
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(0.001)
        self.at_work -= 1
        self.answered += 1
        if scope.get("path") == "/fails":
            raise ValueError("no")


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def ask(server):
    """`ask(scopes…)`: all of them at once, through the middleware; gives what came of each."""

    async def all_at_once(scopes):
        through = OneWriter(server)
        return await asyncio.gather(*(through(scope, None, None) for scope in scopes), return_exceptions=True)

    return lambda *scopes: asyncio.run(all_at_once(scopes))


def http(method, path="/"):
    return {"type": "http", "method": method, "path": path}


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_one_writing_request_is_at_work_at_a_time_and_none_is_lost(server, ask, method):
    ask(*[http(method), http("POST")] * 4)
    assert (server.most, server.answered) == (1, 8)


@pytest.mark.parametrize("scope", [http("GET"), http("HEAD"), http("OPTIONS"), {"type": "websocket"}])
def test_what_only_reads_waits_for_nobody(server, ask, scope):
    ask(http("POST"), *[scope] * 4)
    assert server.most == 5


def test_a_writing_request_that_fails_lets_the_next_one_go(server, ask):
    failed, done = ask(http("POST", "/fails"), http("POST"))
    assert isinstance(failed, ValueError)
    assert done is None
    assert server.answered == 2
