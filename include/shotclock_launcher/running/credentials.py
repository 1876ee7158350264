"""The secrets and the login of one checkout: generated once, readable by their owner only, used again afterwards."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from shotclock_launcher.errors import LaunchError

USER = "admin"
_BYTES = 64  # what HS512, Airflow's token algorithm, asks for


@dataclass(frozen=True)
class Keys:
    """What signs tokens and sessions, and what encrypts stored connections."""

    jwt: str
    api: str
    fernet: str


@dataclass(frozen=True)
class Login:
    user: str
    password: str


def keys(airflow: Path) -> Keys:
    """The secrets under `airflow`, made if they are not there."""
    found = _kept(
        airflow / "keys.json",
        {
            "jwt": secrets.token_urlsafe(_BYTES),
            "api": secrets.token_urlsafe(_BYTES),
            "fernet": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        },
    )
    return Keys(found["jwt"], found["api"], found["fernet"])


def login(airflow: Path) -> Login:
    """The one user of the Airflow UI, made if it is not there."""
    found = _kept(passwords_file(airflow), {USER: secrets.token_urlsafe(12)})
    return Login(USER, found[USER])


def passwords_file(airflow: Path) -> Path:
    """What Airflow's simple auth manager reads."""
    return airflow / "passwords.json"


def _kept(path: Path, fresh: dict[str, str]) -> dict[str, str]:
    if not path.exists():
        _write_private(path, json.dumps(fresh))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise LaunchError(f"{path}: not JSON ({error}); remove the file and start again") from error
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in fresh):
        raise LaunchError(f"{path}: expected the keys {', '.join(fresh)}; remove the file and start again")
    path.chmod(0o600)
    return content


def _write_private(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
