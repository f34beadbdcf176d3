"""Stands in `millrace_contracts.status`."""

from millrace_contracts.status import *  # noqa: F403
