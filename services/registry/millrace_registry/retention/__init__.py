"""Retention: unreferenced artifacts go, by policy."""
