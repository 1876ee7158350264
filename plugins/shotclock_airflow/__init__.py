"""What extends Airflow: sensors, their trigger, the approval of a promotion, notifications. It asks the package and waits."""
