"""What Airflow's API server needs on SQLite, which has one write lock for the whole database."""
