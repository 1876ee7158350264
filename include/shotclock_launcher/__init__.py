"""Starts, follows and stops Airflow and MLflow on one machine. It uses the package; the package never imports it."""
