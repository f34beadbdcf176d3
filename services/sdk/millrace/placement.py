"""Stands in `millrace_contracts.placement`."""

from millrace_contracts.placement import *  # noqa: F403
