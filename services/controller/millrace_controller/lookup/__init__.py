"""Loops by name: what every room needs before it can do anything."""
