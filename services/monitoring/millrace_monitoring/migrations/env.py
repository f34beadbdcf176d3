"""Alembic's entry point; core does the work."""

from millrace_core.migrate import run

run()
