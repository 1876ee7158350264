"""`python -m shotclock_deployment.backup save FOLDER` and `… restore FOLDER`: all that Airflow, MLflow and the projects know.

A backup is a folder: a dump of each database, the objects of the bucket, the data folder, and `manifest.json` with the sha256
of each of them. The databases are dumped first: the files that they name were there before and never change, so services may
go on working meanwhile. Keys are not in it: without the AIRFLOW_FERNET_KEY of the .env file stored connections stay closed.
"""

import hashlib
import importlib.metadata
import json
import logging
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Literal

import boto3
import psycopg2
import typer

from shotclock.config import settings
from shotclock.errors import ShotclockError
from shotclock_deployment.initialise import HOST, OWNERS, make_bucket, make_databases

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
log = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
_OBJECTS = "objects"
_DATA = "data.tar"


class BackupError(ShotclockError):
    """A backup cannot be made, is damaged, or would be restored over something."""


def save(folder: Path) -> None:
    """Write a backup into `folder`, which must be empty or not there.

    Raises:
        BackupError: there is something in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BackupError(f"{folder}: found files, expected an empty folder; name another one")
    for database in OWNERS:
        _postgres("pg_dump", "--format=custom", f"--file={folder / database}.dump", database)
        log.info("saved the database %s", database)
    for key in _keys():
        target = folder / _OBJECTS / key
        target.parent.mkdir(parents=True, exist_ok=True)
        _store().download_file(_bucket(), key, str(target))
    if data := _data():
        with tarfile.open(folder / _DATA, "w") as archive:
            archive.add(data, arcname=".")
    manifest = {"shotclock": importlib.metadata.version("shotclock"), "sha256": _digests(folder)}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    log.info("saved %d files in %s", len(manifest["sha256"]), folder)


def restore(folder: Path) -> None:
    """Put a backup into databases, a bucket and a data folder that are empty or not there.

    Raises:
        BackupError: a file of the backup is missing or damaged, or there is something where it would go.
    """
    _check(folder)
    make_databases()
    make_bucket(_bucket())
    _refuse_what_is_there()
    for database in OWNERS:
        into = ["--exit-on-error", "--no-owner", f"--role={database}", f"--dbname={database}"]
        _postgres("pg_restore", *into, f"{folder / database}.dump")
    for file in sorted((folder / _OBJECTS).rglob("*")):
        if file.is_file():
            _store().upload_file(str(file), _bucket(), file.relative_to(folder / _OBJECTS).as_posix())
    if (data := _data()) and (folder / _DATA).exists():
        with tarfile.open(folder / _DATA) as archive:
            # relative links within it publish results; Python before 3.11.4 has no filter, and looks at none
            archive.extraction_filter = getattr(tarfile, "tar_filter", None)
            archive.extractall(data)
    log.info("restored %s", folder)


def _check(folder: Path) -> None:
    file = folder / _MANIFEST
    if not file.is_file():
        raise BackupError(f"{file}: no such file; name the folder of a backup that was finished")
    wanted, found = json.loads(file.read_text("utf-8"))["sha256"], _digests(folder)
    damaged = sorted(name for name in wanted if found.get(name) != wanted[name])
    if damaged:
        raise BackupError(f"{folder}: missing or damaged: {', '.join(damaged[:5])}; take another backup")


def _refuse_what_is_there() -> None:
    there = [f"database {name}" for name in OWNERS if _tables(name)]
    there += [f"bucket {_bucket()}"] if next(_keys(), None) else []
    data = _data()
    there += [str(data)] if data and any(data.iterdir()) else []
    if there:
        raise BackupError(f"found something in {', '.join(there)}, expected nothing; restore into a new place")


def _postgres(program: str, *arguments: str) -> None:
    known = {"PGHOST": HOST, "PGUSER": "postgres", "PGPASSWORD": os.environ["POSTGRES_PASSWORD"]}
    subprocess.run([program, *arguments], env={**os.environ, **known}, check=True)


def _tables(database: str) -> bool:
    password = os.environ["POSTGRES_PASSWORD"]
    with (
        closing(psycopg2.connect(host=HOST, user="postgres", password=password, dbname=database)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1")
        return cursor.fetchone() is not None


def _bucket() -> str:
    return os.environ["S3_BUCKET"]


def _store() -> Any:
    return boto3.client("s3")


def _keys() -> Iterator[str]:
    for page in _store().get_paginator("list_objects_v2").paginate(Bucket=_bucket()):
        yield from (entry["Key"] for entry in page.get("Contents", []))


def _data() -> Path | None:
    """The data folder; None where data lie in an object store, which is the bucket or has a backup of its own."""
    data = settings().data
    return data if isinstance(data, Path) else None


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != _MANIFEST)
    return {file.relative_to(folder).as_posix(): _digest(file) for file in files}


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@app.command(help=__doc__)
def main(command: Literal["save", "restore"], folder: Annotated[Path, typer.Argument(readable=False)]) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        save(folder) if command == "save" else restore(folder)
    except BackupError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    app()
