"""What MLflow's clients ask of a server before anything else."""
