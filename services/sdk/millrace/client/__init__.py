# Written from millrace/aio/__init__.py: change that, then `make clients`.
"""The Python client: one object with a typed client for each service."""

from millrace.client.platform import Millrace
from millrace.transport.address import SERVICES
from millrace.transport.errors import ApiError, JobFailed, NotRunning
from millrace.transport.tokens import TokenFile, shown_token

__all__ = [
    "SERVICES",
    "ApiError",
    "JobFailed",
    "Millrace",
    "NotRunning",
    "TokenFile",
    "shown_token",
]
