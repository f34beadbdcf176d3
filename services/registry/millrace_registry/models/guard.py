"""The champion of a guarded model is moved by its loop alone, once people have approved it."""

from millrace_core.auth import Actor
from millrace_core.errors import Forbidden
from millrace_registry.tables import Model

CONTROLLER, CHAMPION = "controller", "champion"


def check(model: Model, alias: str, actor: Actor) -> None:
    """Raises: Forbidden if *actor* wants to move the champion past the approvals that the model's loop asks for."""
    if model.guarded and alias == CHAMPION and actor.role != CONTROLLER:
        raise Forbidden(
            f"{actor.name} cannot move the champion of {model.name}: its loop declares gates.approval, so people "
            "approve what goes into production. See 'millrace approvals list'; "
            f"'millrace rollback {model.name}' needs no approval."
        )


def may_say(actor: Actor, guarded: bool | None, now: bool) -> None:
    """Raises: Forbidden for anybody but the controller who would change whether a model is guarded."""
    if guarded is not None and guarded != now and actor.role != CONTROLLER:
        raise Forbidden(
            "The controller alone says which models are guarded; declare gates.approval in the loop."
        )
