"""MLflow's server and its database: reached, made, looked at, guarded."""
