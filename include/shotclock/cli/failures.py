"""What a disk or a database says when it fails, in words that tell what to do. For the door that has somebody before it."""

import errno
import sqlite3
from collections.abc import Iterator

_DISK = {
    errno.ENOSPC: "no space is left on the disk; free some of it, then run again",
    errno.EDQUOT: "the disk quota is used up; free some of it, then run again",
    errno.EFBIG: "the file would be larger than this process may write (ulimit -f); raise that, or free some of it",
    errno.EROFS: "the file system can only be read; set SHOTCLOCK_HOME and SHOTCLOCK_DATA to places that can be written",
    errno.EACCES: "not allowed; change its owner or mode, or set SHOTCLOCK_HOME and SHOTCLOCK_DATA to your own folders",
    errno.EPERM: "not allowed; change its owner or mode, or set SHOTCLOCK_HOME and SHOTCLOCK_DATA to your own folders",
    errno.ENAMETOOLONG: "the name is too long for the file system; give it a shorter one",
    errno.EEXIST: "a file stands where a folder is expected; move it away",
    errno.ENOTDIR: "a file stands where a folder is expected; move it away",
    errno.EMFILE: "too many files are open (ulimit -n); raise that",
    errno.EIO: "the disk fails to read or write; look at the system's log",
}
_DATABASE = {  # what SQLite and MLflow say, and what it means
    "locked": "another program holds the database; end it, or wait, then run again",
    "not a database": "the file is no database, or is damaged; restore it from a backup, or move it away to begin anew",
    "malformed": "the database is damaged; restore it from a backup, or move it away to begin anew",
    "readonly": "the database cannot be written; change its owner or mode",
    "unable to open": "the database cannot be opened; see that its folder is there and is yours",
    "full": "no space is left on the disk; free some of it, then run again",
    "disk i/o": "the disk fails to read or write, or is full; free some space, or look at the system's log",
}
_STORE = "MLflow's store cannot be used; see that it runs and that MLFLOW_TRACKING_URI names it: `shotclock doctor`"
_LONGEST = 300


def explained(error: BaseException) -> str | None:
    """The failure in one line, with what to do; None for an error that is nobody's disk or store: a fault of ours."""
    for cause in _chain(error):
        text = " ".join(str(cause).split())
        if isinstance(cause, OSError) and cause.errno in _DISK:
            return f"{cause.filename or cause.strerror}: {_DISK[cause.errno]}"
        if isinstance(cause, sqlite3.Error) or "sqlite3." in text:
            meant = next((remedy for mark, remedy in _DATABASE.items() if mark in text.lower()), _STORE)
            return f"MLflow's database: {text[:_LONGEST]}: {meant}"
    outer = next(
        (cause for cause in _chain(error) if type(cause).__module__.startswith(("mlflow.", "sqlalchemy."))), None
    )
    return None if outer is None else f"{' '.join(str(outer).split())[:_LONGEST]}: {_STORE}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What caused it, the first cause first."""
    found = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return reversed(found)
