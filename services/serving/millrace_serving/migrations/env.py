"""Alembic's entry: the shared migration run."""

from millrace_core.migrate import run

run()
