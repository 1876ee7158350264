"""Health and a demonstration for whoever has no Airflow account. Read-only: it asks the package's steps, and shows."""
