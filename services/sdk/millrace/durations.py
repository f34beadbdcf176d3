"""Stands in `millrace_contracts.durations`."""

from millrace_contracts.durations import *  # noqa: F403
