"""Who asks, and about which endpoint."""

from typing import Annotated

from fastapi import Path

from millrace_core.auth import Actor
from millrace_core.names import Name

EndpointName = Annotated[Name, Path(description="Name of the endpoint.")]


def author(actor: Actor) -> str:
    """How the actor is named in a decision."""
    return actor.author
