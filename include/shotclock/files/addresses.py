"""Addresses of files: a path of this machine, or a place in an object store such as `s3://bucket/folder/file`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from shotclock.errors import ConfigError

if TYPE_CHECKING:
    from upath import UPath

    Address: TypeAlias = Path | UPath
else:
    Address = Any  # the other half takes a tenth of a second to import, and local files need none of it

_HOW: dict[str, dict[str, Any]] = {  # to reach a store, by scheme
    "s3": {
        "use_listings_cache": False,  # others write there too
        "config_kwargs": {"connect_timeout": 5, "read_timeout": 60},
    }
}


def at(text: str, start: Address | None = None) -> Address:
    """The address that `text` says: a path, `file://`, `s3://`, or another store whose fsspec package is installed.

    Args:
        start: the folder that a relative path begins at; by default the process's own.

    Raises:
        ConfigError: the scheme is unknown, or the address lacks its bucket.
    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(text) if start is None or Path(text).is_absolute() else start / text
    if scheme == "file":
        return _local(text)
    return _object(scheme, text)


def _local(text: str) -> Path:
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise ConfigError(f"{text}: found the host '{parts.netloc}', expected three slashes: file:///folder/file")
    return Path(url2pathname(parts.path))


def _object(scheme: str, text: str) -> Address:
    from fsspec.registry import known_implementations
    from upath import UPath

    for talkative in ("fsspec", "botocore", "aiobotocore"):  # a line for each block that is read
        if logging.getLogger(talkative).level == logging.NOTSET:
            logging.getLogger(talkative).setLevel(logging.WARNING)
    if scheme not in known_implementations:
        raise ConfigError(
            f"{text}: found the scheme '{scheme}', allowed: a path, file://, s3:// or another of fsspec's"
        )
    try:
        found: UPath = UPath(text, protocol=None, **_HOW.get(scheme, {}))
    except ValueError as error:
        raise ConfigError(f"{text}: no bucket in it, expected {scheme}://bucket/folder") from error
    if scheme in _HOW and not found.drive:
        raise ConfigError(f"{text}: no bucket in it, expected {scheme}://bucket/folder")
    return found
