"""Alembic's entry; the same for every service."""

from millrace_core.migrate import run

run()
