"""What a loop may adopt of what MLflow's clients registered."""
