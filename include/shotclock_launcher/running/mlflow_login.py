"""MLflow's login: its own basic-auth app, with the one user that Airflow has."""

import secrets
import shutil
from textwrap import dedent

from shotclock.store.server import front
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import credentials

_SHORTEST = 12  # characters: MLflow takes no password below
_SETTINGS = """\
    [mlflow]
    default_permission = NO_PERMISSIONS
    database_uri = sqlite:///{users}
    authorization_function = {hook}
    # a page asks for dozens of things at once, and each check of a password takes a tenth of a second
    auth_cache_ttl_seconds = 60
"""


def environment(layout: Layout, login: credentials.Login) -> dict[str, str]:
    """Lay out what MLflow's login needs. Returns what its server, and nobody else, finds in its environment.

    The database of users is made anew at each start: a password that was changed counts, and one that was given away does not.

    Raises:
        LaunchError: MLflow would refuse the password.
    """
    if len(login.password) < _SHORTEST:
        raise LaunchError(
            f"{credentials.passwords_file(layout.airflow)}: the password of '{login.user}' has {len(login.password)} "
            f"characters, MLflow asks for {_SHORTEST}; choose a longer one, or remove the file and start again"
        )
    folder = layout.airflow / "mlflow"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for name in ("settings.ini", "users.db"):
        (folder / name).touch(mode=0o600)
    users = folder.relative_to(layout.settings.home) / "users.db"  # services run there, and no name has to be escaped
    (folder / "settings.ini").write_text(dedent(_SETTINGS.format(users=users, hook=front.HOOK)), encoding="utf-8")
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "settings.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": login.user,
        "MLFLOW_AUTH_ADMIN_PASSWORD": login.password,
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_urlsafe(),
    }
