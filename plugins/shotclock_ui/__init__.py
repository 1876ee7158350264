"""What Airflow's web UI shows of a task beside its log: its summary, its drift report and its MLflow run."""
