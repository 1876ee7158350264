"""What `init` refuses before it changes anything."""

import pytest

from shotclock_deployment import initialise


@pytest.mark.parametrize("password", ["p@ss", "a/b", "100%", "ça", ""])
def test_a_password_that_an_address_cannot_hold_is_refused_before_a_database_is_asked(monkeypatch, password):
    asked = []
    monkeypatch.setattr("psycopg2.connect", asked.append)
    monkeypatch.setenv("POSTGRES_PASSWORD", "any, it stands in no address")
    monkeypatch.setenv("AIRFLOW_DB_PASSWORD", "Sound-_.~1")
    monkeypatch.setenv("MLFLOW_DB_PASSWORD", password)
    with pytest.raises(SystemExit, match="MLFLOW_DB_PASSWORD: found other characters"):
        initialise.make_databases()
    assert asked == []
