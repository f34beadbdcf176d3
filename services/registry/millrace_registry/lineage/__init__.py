"""Lineage: from a model version back to the raw source."""
