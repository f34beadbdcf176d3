"""Alembic scripts, in order."""
