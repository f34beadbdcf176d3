"""Alembic's entry point; how a service migrates is the same for all."""

from millrace_core.migrate import run

run()
