"""What stands behind a guarded endpoint gets there by its loop alone, once people have approved it."""

from millrace_core.auth import Actor
from millrace_core.errors import Forbidden
from millrace_serving.tables import Endpoint

CONTROLLER = "controller"


def check(endpoint: Endpoint, actor: Actor, what: str) -> None:
    """Raises: Forbidden if *actor* wants to do *what* past the approvals that the endpoint's loop asks for."""
    if endpoint.guarded and actor.role != CONTROLLER:
        raise Forbidden(
            f"{actor.name} cannot {what} {endpoint.name}: its loop declares gates.approval, so people approve what "
            "goes into production. See 'millrace approvals list'; "
            f"'millrace rollback {endpoint.name}' needs no approval."
        )


def may_say(actor: Actor, guarded: bool | None, now: bool) -> None:
    """Raises: Forbidden for anybody but the controller who would change whether an endpoint is guarded."""
    if guarded is not None and guarded != now and actor.role != CONTROLLER:
        raise Forbidden(
            "The controller alone says which endpoints are guarded; declare gates.approval in the loop."
        )
