"""Stands in `millrace_contracts.parts`."""

from millrace_contracts.parts import *  # noqa: F403
