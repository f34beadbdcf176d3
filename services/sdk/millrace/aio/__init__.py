"""The Python client: one object with a typed client for each service."""

from millrace.aio.platform import AsyncMillrace

__all__ = ["AsyncMillrace"]
