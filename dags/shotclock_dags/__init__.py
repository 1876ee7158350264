"""What the DAG files share: steps as tasks, the assets that link the flows, the competition of candidates."""
