"""Measured values and their history."""
