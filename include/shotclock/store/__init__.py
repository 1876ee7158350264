"""MLflow, only here: the one store of what happened, and the registry of models."""
