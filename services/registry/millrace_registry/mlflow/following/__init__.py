"""Loops' runs, copied to where MLflow's clients search."""
