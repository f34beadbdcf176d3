"""Alembic scripts of the controller's tables."""
