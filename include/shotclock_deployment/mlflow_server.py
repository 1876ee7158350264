"""`python -m shotclock_deployment.mlflow_server …`: MLflow's server behind a login, with what `mlflow server` takes.

Two users, whose passwords are MLFLOW_WORKER_PASSWORD and MLFLOW_READER_PASSWORD: see `shotclock.store.server.guard`. The
database of users is a file of this container, made anew at each start: the environment says who there is, nothing else does.
"""

import os
import secrets
import shutil
import sys
from pathlib import Path
from textwrap import dedent

from shotclock.config import settings
from shotclock.store.server import guard

_SETTINGS = """\
    [mlflow]
    default_permission = READ
    database_uri = {users}
    authorization_function = {hook}
    # a page asks for dozens of things at once, and each check of a password takes a tenth of a second
    auth_cache_ttl_seconds = 60
"""


def lay_out(folder: Path) -> dict[str, str]:
    """Make what the login needs, in a folder of its owner alone. Returns what the server finds in its environment.

    Raises:
        SystemExit: a password is not set, or both are the same.
    """
    worker, reader = (os.environ.get(f"MLFLOW_{name}_PASSWORD", "") for name in ("WORKER", "READER"))
    if not worker or not reader or worker == reader:
        sys.exit("MLFLOW_WORKER_PASSWORD and MLFLOW_READER_PASSWORD: expected two that differ; run `make secrets`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    users = f"sqlite:///{folder / 'users.db'}"
    (folder / "settings.ini").write_text(dedent(_SETTINGS.format(users=users, hook=guard.HOOK)), "utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "settings.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": guard.WRITER,
        "MLFLOW_AUTH_ADMIN_PASSWORD": worker,
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(),
    }


def main() -> None:
    os.environ |= lay_out(settings().home / "var" / "mlflow-login")
    server = ["mlflow", "server", "--app-name", "basic-auth", "--no-serve-artifacts"]
    os.execvp(server[0], [*server, *sys.argv[1:]])


if __name__ == "__main__":
    main()
