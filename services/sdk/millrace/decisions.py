"""Stands in `millrace_contracts.decisions`."""

from millrace_contracts.decisions import *  # noqa: F403
