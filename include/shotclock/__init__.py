"""Shotclock keeps a tabular classification model fit for production. This package knows no Airflow."""
