"""In the place of an S3 store: moto, behind the access key that the store was started with, and with its health address."""

import os
import sys
from pathlib import Path

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

PORT = 8333


class Guarded:
    """Answers requests that name the right access key; moto checks no signature, and neither does this."""

    def __init__(self, store) -> None:
        self._store, self._key = store, f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/"

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/healthz":
            start_response("200 OK", [])
            return [b""]
        if self._key not in environ.get("HTTP_AUTHORIZATION", ""):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>InvalidAccessKeyId</Code></Error>"]
        return self._store(environ, start_response)


if __name__ == "__main__":
    assert "-s3" in sys.argv and f"-s3.port={PORT}" in sys.argv, sys.argv
    assert " /data " in Path("/proc/self/mountinfo").read_text("utf-8"), "what it keeps would be lost with the container"
    run_simple("0.0.0.0", PORT, Guarded(DomainDispatcherApplication(create_backend_app)), threaded=True)
