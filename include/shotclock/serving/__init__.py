"""The endpoint: the champion behind MLflow's scoring protocol. A promotion is taken over while it answers."""
