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
    from millrace.transport import address

    platform = Millrace.from_environment()
    set_on_retry_hooks([_tell] if address.is_named() else [_still_there, _tell])
    return platform


def _still_there(details: "RetryDetails") -> None:
    """Before each new try. Raises: NotRunning once this machine's platform has been stopped: it will not answer."""
    from millrace.transport import address

    address.from_environment()


def _tell(details: "RetryDetails") -> None:
    import typer

    if details.waited_so_far <= PATIENT < details.waited_so_far + details.wait_for:
        typer.echo("A service does not answer (it may be starting again); still trying …", err=True)
