"""The Python client: one object with a typed client for each service."""

from millrace.aio.platform import AsyncMillrace
from millrace.transport.address import SERVICES
from millrace.transport.errors import ApiError, JobFailed, NotRunning
from millrace.transport.tokens import TokenFile, shown_token

__all__ = [
    "SERVICES",
    "ApiError",
    "AsyncMillrace",
    "JobFailed",
    "NotRunning",
    "TokenFile",
    "shown_token",
]
