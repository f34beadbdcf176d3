"""What loops own, as MLflow's clients see it."""
