"""Who may do what with MLflow's server where more than one person reaches it: `WRITER` everything, whoever else reads.

MLflow's own permissions go by experiment and model, and let everybody with a login make an experiment, whose files may lie
anywhere that the server can read. So whoever is not the one who writes is stopped at the door, by method and address.
"""

import os
import re
import threading
from typing import TYPE_CHECKING

from shotclock.store.server import front

if TYPE_CHECKING:
    from werkzeug import Response
    from werkzeug.datastructures import Authorization

WRITER = "worker"  # MLflow's administrator: what retrains, promotes and rolls back
READER = "reader"  # endpoint, dashboard, Airflow's pages, and people
HOOK = f"{__name__}:who_asks"
"""For `authorization_function` in the settings of MLflow's app `basic-auth`."""

_making, _made = threading.Lock(), threading.Event()
_ASKING = re.compile(
    r"/(ajax-)?api/\d\.\d/mlflow/[\w-]+/search(-datasets)?|/graphql"
)  # whose mutations only search, too


def who_asks() -> "Authorization | Response":
    """Called by MLflow for each request, in Flask's context: the login, or the answer that refuses it."""
    from flask import Response, make_response, request

    _make_reader()
    asked = front.who_asks()
    if isinstance(asked, Response) or asked.username == WRITER or only_reads(request.method, request.path):
        return asked
    return make_response(
        f"{request.method} {request.path}: '{asked.username}' may only read; '{WRITER}' may write", 403
    )


def only_reads(method: str, path: str) -> bool:
    """Whether a request changes nothing: MLflow searches by POST."""
    return method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and bool(_ASKING.fullmatch(path)))


def _make_reader() -> None:
    """At the first request, in the process that answers: one before it would spend seconds on importing MLflow once more."""
    from mlflow.server.auth import store

    with _making:
        if not _made.is_set() and not store.has_user(READER):
            store.create_user(READER, os.environ["MLFLOW_READER_PASSWORD"])
        _made.set()
