"""`python -m shotclock_deployment.keys FILE`: adds to an .env file the passwords and keys that it lacks."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import typer
from dotenv import dotenv_values

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _password() -> str:
    return secrets.token_urlsafe(24)


SECRETS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": _password,
    "AIRFLOW_DB_PASSWORD": _password,
    "MLFLOW_DB_PASSWORD": _password,
    "REDIS_PASSWORD": _password,
    "MLFLOW_WORKER_PASSWORD": _password,
    "MLFLOW_READER_PASSWORD": _password,
    "DASHBOARD_PASSWORD": _password,
    "AIRFLOW_ADMIN_PASSWORD": lambda: secrets.token_urlsafe(12),
    "AIRFLOW_FERNET_KEY": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "AIRFLOW_SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "AIRFLOW_JWT_SECRET": lambda: secrets.token_urlsafe(64),  # what HS512, Airflow's token algorithm, asks for
    "S3_ACCESS_KEY": lambda: secrets.token_hex(10),
    "S3_SECRET_KEY": _password,
}
_CHOICES = {"COMPOSE_PROFILES": lambda: "s3"}  # with the object store that docker-compose.yaml brings along


def complete(file: Path) -> list[str]:
    """Add what is lacking and return its names. What the file says already, even if it is empty, stays.

    Only its owner can read the file afterwards.
    """
    known = SECRETS | _CHOICES
    present = dotenv_values(file, interpolate=False) if file.exists() else {}
    lacking = [name for name in known if name not in present]
    text = file.read_text("utf-8") if file.exists() else ""
    added = "".join(f"{name}={known[name]()}\n" for name in lacking)
    if lacking:
        _replace(file, text + ("\n" if text and not text.endswith("\n") else "") + added)
    file.chmod(0o600)
    return lacking


def _replace(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(text)
    partial.replace(file)


@app.command(help=__doc__)
def main(file: Path) -> None:
    made = complete(file)
    typer.echo(f"{file}: added {', '.join(made)}" if made else f"{file}: nothing is lacking")


if __name__ == "__main__":
    app()
