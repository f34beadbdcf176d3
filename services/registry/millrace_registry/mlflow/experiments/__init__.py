"""Experiments: folders of runs."""
