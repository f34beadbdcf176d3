"""The platform a command talks to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

    from millrace.client import Millrace

PATIENT = 1.5
"""Seconds of waiting after which a person is told why nothing happens."""


def client() -> "Millrace":
    """From the environment, else the platform running on this machine. Raises: NotRunning."""
    from stamina.instrumentation import set_on_retry_hooks

    from millrace.client import Millrace

    set_on_retry_hooks([_tell])
    return Millrace.from_environment()


def _tell(details: "RetryDetails") -> None:
    import typer

    if details.waited_so_far <= PATIENT < details.waited_so_far + details.wait_for:
        typer.echo("A service does not answer (it may be starting again); still trying …", err=True)
