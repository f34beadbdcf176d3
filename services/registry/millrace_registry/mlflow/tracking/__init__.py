"""Runs over HTTP, as MLflow's clients begin them, log to them and search them."""
