"""What the services of docker-compose.yaml need around Airflow and MLflow: keys, first steps, health, backup."""
