"""`python -m shotclock.serving`: the endpoint as a process. It ends on SIGTERM, once it has answered what has come."""

import logging
import signal
from typing import Annotated

import typer
import uvicorn

from shotclock.config import project as load
from shotclock.serving.app import make
from shotclock.serving.service import Service

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    project: Annotated[
        str | None, typer.Option(help="the one that /invocations is about; the first one if left out")
    ] = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: int = 5001,
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)  # uvicorn answers what it has begun, and then raises the signal once more
    with Service(load(project).name if project else None) as service:
        uvicorn.run(make(service), host=host, port=port, access_log=False, log_level="warning")


def _stop(*_: object) -> None:
    """To be stopped is no failure: whoever looks after services takes a status other than 0 for one."""
    raise SystemExit(0)


if __name__ == "__main__":
    app()
