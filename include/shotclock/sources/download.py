"""One file over HTTP: bounded in time, tried a few times, complete or refused."""

import logging
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import httpx

# Without a network the caller must know within seconds. A server that answers may take its time for the rest.
ANSWER_SECONDS = 8.0  # from asking for a name to the first byte of the answer, all of the host's addresses together
STALL_SECONDS = 15.0  # between two pieces of the file
DOWNLOAD_SECONDS = 300.0  # the whole file
TRIES = 3
PAUSE_SECONDS = 0.5

log = logging.getLogger(__name__)


class NotAvailableError(Exception):
    """The address gave no file. `again`: a further try may help."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def download(address: str, target: Path) -> None:
    """Write what the address gives to `target`, which may be left half-written on failure.

    Raises:
        NotAvailableError: no answer, no file, or a file that broke off each time.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _download_once(address, target)
        except NotAvailableError as error:
            if not error.again or attempt == TRIES:
                raise
            log.info("%s: %s; trying again (%d of %d)", address, error, attempt + 1, TRIES)
            time.sleep(PAUSE_SECONDS * attempt)
    return None


def _download_once(address: str, target: Path) -> None:
    timeout = httpx.Timeout(STALL_SECONDS, connect=ANSWER_SECONDS)
    headers = {"Accept-Encoding": "identity"}  # the length announced is then the file's own
    with httpx.Client(timeout=timeout, follow_redirects=True, headers=headers) as client:
        response = _answer(client, address)
        try:
            _save(response, target)
        except httpx.HTTPError as error:
            raise NotAvailableError(f"broke off ({error or type(error).__name__})", again=True) from error
        finally:
            response.close()


def _answer(client: httpx.Client, address: str) -> httpx.Response:
    """The beginning of the answer, waited for in a thread: looking up a name cannot be interrupted otherwise."""
    answers: SimpleQueue[httpx.Response | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(client.send(client.build_request("GET", address), stream=True))
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # RuntimeError: closed meanwhile
            answers.put(error)

    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except Empty as error:
        raise NotAvailableError(f"no answer within {ANSWER_SECONDS:g} s", again=False) from error
    if isinstance(answer, Exception):
        raise NotAvailableError(f"no answer ({answer or type(answer).__name__})", again=False) from answer
    return answer


def _save(response: httpx.Response, target: Path) -> None:
    code = response.status_code
    if code != httpx.codes.OK:
        again = code >= 500 or code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
        raise NotAvailableError(f"the server answered {code} {response.reason_phrase}", again=again)
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    with target.open("wb") as file:
        for piece in response.iter_bytes():
            file.write(piece)
            if time.monotonic() > deadline:
                raise NotAvailableError(f"not complete after {DOWNLOAD_SECONDS:g} s", again=False)
