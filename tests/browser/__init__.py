"""One package, so that its files share a running Airflow and no other folder's tests run beside it."""
