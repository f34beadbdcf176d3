"""Alembic scripts of the registry's tables."""
