"""What whoever may trigger a DAG can name: files under `data/raw/`, and addresses below those that the operator allows.

A name is judged by its text alone before anything is opened, or a host is asked for; links are followed before a file is read.
"""

import logging
import unicodedata

from shotclock.config import Settings
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address

_LONGEST_PART = 255  # bytes, on nearly every file system
_SHOWN = 200  # characters of a name that is refused
_ALLOW = "allow the place that it leads to in SHOTCLOCK_ALLOWED_ADDRESSES"
_TO_DO = "name a file under data/raw; further places are the operator's to allow, in SHOTCLOCK_ALLOWED_ADDRESSES"

log = logging.getLogger(__name__)


def named(text: str, settings: Settings) -> Address:
    """The address of the file that a trigger names; whether it is there is not looked at.

    Args:
        text: a name under `data/raw/`, with `/` between folders; or a whole address below an allowed one.

    Raises:
        SourceError: it is another address, leads elsewhere by dots or links, or is written in a way that may hide it.
    """
    problem = _strange(text)
    if problem:
        raise SourceError(f"data_path: found {_shown(text)}, {problem}; {_TO_DO}")
    raw = settings.data / "raw"
    if _is_whole(text) and not any(text.startswith(f"{place.rstrip('/')}/") for place in (str(raw), *settings.allowed)):
        allowed = " or ".join([f"a name under {raw}", *(f"an address below {place}" for place in settings.allowed)])
        raise SourceError(f"data_path: found {_shown(text)}, expected {allowed}; {_TO_DO}")
    address = storage.at(text if _is_whole(text) else f"{str(raw).rstrip('/')}/{text}")
    if not storage.lies_in(address, [raw, *_own(settings)]):
        raise SourceError(f"data_path: found {_shown(text)}, a link that leads out of {raw}; {_TO_DO}")
    return address


def files_in(name: str, settings: Settings) -> list[Address]:
    """The files, and folders of parts, in a folder that a project names, in the order of their names.

    A link to a file that lies neither there nor in another allowed place is left out: who may put a file into the folder must
    not have others read that the owner can.
    """
    folder = storage.at(name, settings.data / "raw")
    places, kept = [folder, settings.data / "raw", *_own(settings)], []
    for file in storage.arrived(folder):
        if storage.lies_in(file, places):
            kept.append(file)
        else:
            log.warning("%s: left out, a link that leads out of its folder; put a copy there, or %s", file, _ALLOW)
    return kept


def _own(settings: Settings) -> list[Address]:
    """The places that the operator has named."""
    return [*([settings.data_source] if settings.data_source else []), *map(storage.at, settings.allowed)]


def _strange(text: str) -> str:
    """What is wrong with how the name is written, or nothing."""
    hidden = next(
        (mark for mark in text.replace(" ", "") if mark in "\\%" or unicodedata.category(mark)[0] in "CZ"), ""
    )
    if hidden:
        return f"with the character {hidden!a} in it, which may hide where it leads"
    if "::" in text:
        return "an address in an address"
    parts = text.partition("://")[2].split("/") if "://" in text else text.removeprefix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        return "with an empty part, '.' or '..' in it, expected plain names with one / between them"
    longest = max(len(part.encode()) for part in parts)
    return f"a name of {longest:,} bytes, allowed are {_LONGEST_PART}" if longest > _LONGEST_PART else ""


def _is_whole(text: str) -> bool:
    return text.startswith("/") or "://" in text


def _shown(text: str) -> str:
    return ascii(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!a}…"
