"""Datasets, their immutable versions, and what was refused."""
