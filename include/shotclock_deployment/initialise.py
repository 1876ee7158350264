"""`python -m shotclock_deployment.initialise`: what must stand before the services start. Each step may be done again.

The order: roles and databases, the bucket, Airflow's and MLflow's tables, the first user of the Airflow UI.
"""

import logging
import os
import re
import subprocess
import sys
from contextlib import closing
from typing import Any

import boto3
import psycopg2
from botocore.exceptions import ClientError
from psycopg2 import sql

from shotclock.store.server import database

log = logging.getLogger(__name__)

HOST = "postgres"
OWNERS = {"airflow": "AIRFLOW_DB_PASSWORD", "mlflow": "MLFLOW_DB_PASSWORD"}  # each owns the database of its name
FIRST_USER = "admin"
_PLAIN = re.compile(r"[\w.~-]+", re.ASCII)  # what may stand in an address as it is


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    make_databases()
    make_bucket(os.environ["S3_BUCKET"])
    log.info("migrating Airflow's tables")
    airflow("db", "migrate")
    log.info("migrating MLflow's tables")
    database.prepare_store()
    make_first_user()
    log.info("ready")


def make_databases() -> None:
    """Make each role with its database if it is not there, and give the role the password of the environment.

    Raises:
        SystemExit: a password has characters that an address cannot hold; nothing has been changed.
    """
    for variable in OWNERS.values():
        if not _PLAIN.fullmatch(os.environ[variable]):
            sys.exit(f"{variable}: found other characters than a-z, A-Z, 0-9 and - _ . ~, and it stands in addresses")
    password = os.environ["POSTGRES_PASSWORD"]
    with closing(psycopg2.connect(host=HOST, user="postgres", password=password)) as connection:
        connection.autocommit = True  # a database cannot be made in a transaction
        for name, variable in OWNERS.items():
            _make_database(connection.cursor(), name, os.environ[variable])


def _make_database(cursor: Any, name: str, password: str) -> None:
    role = sql.Identifier(name)
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    cursor.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, sql.Literal(password)))
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if cursor.fetchone() is None:
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        log.info("made the database %s", name)


def make_bucket(name: str) -> None:
    store = boto3.client("s3")
    try:
        store.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        store.create_bucket(Bucket=name)
        log.info("made the bucket %s", name)


def make_first_user() -> None:
    """Make the administrator if there is none of that name; who changed the password keeps it."""
    about = ["--username", FIRST_USER, "--firstname", "First", "--lastname", "User", "--email", "admin@localhost"]
    twice = f"{os.environ['AIRFLOW_ADMIN_PASSWORD']}\n" * 2  # asked for and repeated; an argument would show in `ps`
    airflow("users", "create", "--role", "Admin", *about, answers=twice)


def airflow(*arguments: str, answers: str | None = None) -> None:
    subprocess.run([sys.executable, "-m", "airflow", *arguments], check=True, text=True, input=answers)


if __name__ == "__main__":
    main()
