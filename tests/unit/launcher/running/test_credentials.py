"""Secrets and login: strong, private, the same at the next start."""

import base64
import stat
from pathlib import Path

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.running import credentials


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_long_private_and_used_again(tmp_path: Path) -> None:
    keys = credentials.keys(tmp_path)
    assert len(keys.jwt) >= 64
    assert len(keys.api) >= 64
    assert len(base64.urlsafe_b64decode(keys.fernet)) == 32
    assert credentials.keys(tmp_path) == keys
    assert [mode(path) for path in tmp_path.iterdir()] == [0o600]


def test_two_checkouts_have_different_secrets_and_passwords(tmp_path: Path) -> None:
    one, other = tmp_path / "a", tmp_path / "b"
    one.mkdir(), other.mkdir()
    assert credentials.keys(one) != credentials.keys(other)
    assert credentials.login(one) != credentials.login(other)


def test_the_login_is_what_airflow_reads_and_a_changed_password_stays(tmp_path: Path) -> None:
    first = credentials.login(tmp_path)
    file = credentials.passwords_file(tmp_path)
    assert file.read_text() == f'{{"admin": "{first.password}"}}'
    assert mode(file) == 0o600
    file.write_text('{"admin": "my own"}')
    assert credentials.login(tmp_path).password == "my own"


def test_a_file_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    credentials.login(tmp_path)
    credentials.passwords_file(tmp_path).chmod(0o644)
    credentials.login(tmp_path)
    assert mode(credentials.passwords_file(tmp_path)) == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"jwt": 3}', "{"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content)
    with pytest.raises(LaunchError, match=r"keys.json: .*remove the file and start again"):
        credentials.keys(tmp_path)
