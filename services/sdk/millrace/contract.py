"""Stands in `millrace_contracts.data`."""

from millrace_contracts.data import *  # noqa: F403
