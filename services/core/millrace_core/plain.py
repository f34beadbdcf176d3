"""Stands in `millrace_contracts.plain`."""

from millrace_contracts.plain import *  # noqa: F403
