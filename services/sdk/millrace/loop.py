"""Stands in `millrace_contracts.loop`."""

from millrace_contracts.loop import *  # noqa: F403
