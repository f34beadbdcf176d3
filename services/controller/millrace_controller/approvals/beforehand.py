"""Whether whoever looks could approve or reject, by the rules of deciding: nobody is offered what is refused."""

from collections.abc import Callable, Sequence

from millrace_contracts.gates import APPROVER
from millrace_controller.approvals import deciding, queries
from millrace_controller.services import Services
from millrace_controller.tables import Approval, Loop, Run
from millrace_core.auth import Actor
from millrace_core.errors import Conflict, Forbidden, MillraceError, NotFound, Unavailable

WRITE = "controller.approvals.write"


async def lacking(services: Services, actor: Actor, project: str) -> str | None:
    """Why *actor* may say nothing of any run of the project; None: they have the right."""
    try:
        await allowed(services, actor, project)
    except (Forbidden, NotFound):
        return f"{actor.person} does not have the role {APPROVER} in {project}."
    except Unavailable as error:
        return error.detail
    return None


async def allowed(services: Services, actor: Actor, project: str) -> None:
    """Raises: NotFound, Forbidden; Unavailable while Kubernetes, which alone could allow it, does not answer."""
    await services.tokens.rights.acting(actor, WRITE, project)


def approve_refused(loop: Loop, run: Run, votes: Sequence[Approval], actor: Actor) -> str | None:
    """Why an approval by *actor* would be refused now; None: it would not."""

    def asked() -> None:
        deciding.may_approve(deciding.open_question(run, loop.name), actor)
        deciding.still_so(loop, run)
        if queries.has_said(votes, actor.known, "approved"):
            raise Conflict(queries.twice(run, actor.known, "approved"))

    return _why(asked)


def reject_refused(loop: Loop, run: Run, actor: Actor) -> str | None:
    """Why a rejection by *actor* would be refused now; None: it would not."""

    def asked() -> None:
        deciding.may_reject(deciding.open_question(run, loop.name), actor)
        deciding.unused(run)

    return _why(asked)


def _why(question: Callable[[], None]) -> str | None:
    try:
        question()
    except MillraceError as error:
        return error.detail
    return None
