"""Millrace for users: `from millrace import Millrace` and ask it; also the command line and the laptop platform."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millrace.aio import AsyncMillrace as AsyncMillrace
    from millrace.client import ApiError as ApiError
    from millrace.client import JobFailed as JobFailed
    from millrace.client import Millrace as Millrace
    from millrace.client import NotRunning as NotRunning
    from millrace.delivery import push as push
    from millrace.documents import load as load

__version__ = "0.1.0"
PLACES = {
    "ApiError": "transport.errors",
    "AsyncMillrace": "aio",
    "JobFailed": "transport.errors",
    "Millrace": "client",
    "NotRunning": "transport.errors",
    "load": "documents",
    "push": "delivery",
}
"""In which module of this package the public names stand; each is imported when it is first asked for."""


def __getattr__(name: str) -> object:
    if name not in PLACES:
        raise AttributeError(f"module 'millrace' has no attribute {name!r}")
    return getattr(import_module(f"millrace.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    return [*sorted(PLACES), "__version__"]
