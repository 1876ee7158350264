"""The plugin: on SQLite, the API server takes one writing request at a time. On any other database it does nothing."""

from typing import Any

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from shotclock_sqlite.one_writer import OneWriter


class SqlitePlugin(AirflowPlugin):
    name = "shotclock_sqlite"

    @property
    def fastapi_root_middlewares(self) -> list[dict[str, Any]]:
        on_sqlite = conf.get_mandatory_value("database", "sql_alchemy_conn").startswith("sqlite")
        return [{"middleware": OneWriter, "name": "one writer at a time"}] if on_sqlite else []
