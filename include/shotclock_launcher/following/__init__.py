"""What a running Airflow says: whether it is ready, what its runs and tasks come to."""
