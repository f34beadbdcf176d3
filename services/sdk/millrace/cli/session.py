"""The platform a command talks to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millrace.client import Millrace


def client() -> "Millrace":
    """From the environment, else the platform running on this machine. Raises: NotRunning."""
    from millrace.client import Millrace

    return Millrace.from_environment()
