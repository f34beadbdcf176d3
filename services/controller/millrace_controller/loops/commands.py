"""What people and resources may do to a loop, the same by REST and by kubectl; each within the caller's transaction."""

import uuid

from millrace_contracts.decisions import Decision, Kind, decision
from millrace_contracts.learning import CODE_NOT_PACKED
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loops import LoopOwner
from millrace_controller.lookup import queries as lookup
from millrace_controller.loops import queries
from millrace_controller.loops.weakening import weakens
from millrace_controller.runs import queries as runs
from millrace_controller.tables import Loop, Outbox
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import BadInput, Conflict, FieldError
from millrace_core.outbox import decide
from millrace_core.persons import Person


async def declare(
    session: AsyncSession,
    document: ModelLoop,
    author: str,
    owner: LoopOwner | None = None,
    *,
    declared_by: Person | None = None,
    guarded: bool = False,
) -> Loop:
    """Store what was declared; the same document again changes nothing, another spec is a new generation.

    Args:
        owner: kind, namespace, name and uid of the resource that declares it; None: a person does.
        declared_by: that person, who approves nothing that this document lets pass.
        guarded: whether the API server lets approvers alone ask for less approval in a resource that is there.
    Raises: Conflict if it belongs to another resource, is being deleted, or has models of another task; BadInput if it
    names code that nobody uploaded.
    """
    _is_packed(document)
    name, project = document.metadata.name, document.metadata.project
    before = await lookup.find(session, project, name)
    live = before is not None and before.state != lookup.DELETED
    if owner is not None:
        _keeps_approval(before, document, guarded and _updates(before, owner))
    was_suspended = live and bool(before.document["spec"].get("suspend"))  # type: ignore[union-attr]
    if live and before is not None:
        _may_declare(before, document, owner)
        await _keeps_task(session, before, document)
    loop, new = await queries.put(session, document, "live")
    if owner is not None and loop.owner != owner:
        loop.owner = owner
    if new:
        loop.declared_by = None if declared_by is None else declared_by.name
        loop.declared_by_id = None if declared_by is None else declared_by.identifier or None
        reason = f"Generation {loop.generation} of {name} is declared."
        await decide(session, Outbox, _by(loop, "loop.applied", "applied", author, reason))
    if document.spec.suspend != was_suspended:
        await move(session, loop, "paused" if document.spec.suspend else "active", author)
    await session.flush()
    return loop


def _is_packed(document: ModelLoop) -> None:
    code = document.spec.training.code
    if code is not None and code.digest is None:
        wrong = FieldError("spec.training.code.path", CODE_NOT_PACKED, "write digest instead of path")
        raise BadInput(f"{wrong.where}: {wrong.what}.", [wrong])


def _may_declare(loop: Loop, document: ModelLoop, owner: LoopOwner | None) -> None:
    if loop.state == "deleting":
        raise Conflict(f"{loop.name} is being deleted; try again in a few seconds.")
    if loop.owner is None:
        return
    same = owner is not None and told(owner) == told(loop.owner)
    if not same and (owner is not None or not queries.same_spec(loop, document)):
        raise Conflict(f"{loop.name} is declared by {told(loop.owner)}; change it there.")


def _updates(before: Loop | None, owner: LoopOwner) -> bool:
    """Whether the resource is the one that declared the loop: a new one, the API server compares with nothing."""
    known = before is not None and before.state != lookup.DELETED and before.owner is not None
    return known and before is not None and before.owner is not None and before.owner.uid == owner.uid


def _keeps_approval(before: Loop | None, document: ModelLoop, guarded: bool) -> None:
    """Nobody knows who applied a resource. Raises: Conflict for one that asks for less approval than was declared."""
    why = None if guarded else weakens(before, document)
    if why is not None:
        raise Conflict(
            f"{why}: an approver has to declare that, and a resource does not say who applied it. Leave it as it was; "
            "docs/howto/approvals.md says how the API server can be told to look."
        )


async def _keeps_task(session: AsyncSession, loop: Loop, document: ModelLoop) -> None:
    """Once a loop has a model, or makes one, its task stands: what answers otherwise can follow no champion."""
    task, asked = loop.document["spec"].get("task"), document.spec.task
    if task == asked:
        return
    flight = await runs.in_flight(session, loop.id)
    if loop.champion is None and flight is None:
        return
    why = (
        f"run {flight.number}, which is under way, trains"
        if loop.champion is None and flight is not None
        else f"version {loop.champion}, which is in production, was trained"
    )
    remedy = f"Declare a loop of another name, or delete {loop.name} first: its data and versions stay."
    wrong = FieldError(
        "spec.task", f"is {asked!r}, and the loop's models are for {task!r}", f"leave it {task!r}"
    )
    raise Conflict(f"The task of {loop.name} cannot change: {why} for {task!r}. {remedy}", [wrong])


def told(owner: LoopOwner) -> str:
    """An owner in words."""
    return f"the {owner.kind} {owner.namespace}/{owner.name} of the cluster"


async def end(session: AsyncSession, loop: Loop, author: str) -> None:
    """End a loop: the worker takes its endpoint away; its data, versions and decisions stay."""
    if loop.state != "deleting":
        loop.state, loop.updated_at = "deleting", utcnow()
        words = f"{loop.name} is deleted."
        await decide(session, Outbox, _by(loop, "loop.deleted", "deleted", author, words))


async def move(session: AsyncSession, loop: Loop, state: str, author: str) -> None:
    """Pause a loop (`paused`) or let it go on (`active`). Raises: Conflict while it is being deleted."""
    if loop.state == "deleting":
        raise Conflict(f"{loop.name} is being deleted.")
    if loop.state != state:
        kind: Kind = "loop.paused" if state == "paused" else "loop.resumed"
        loop.state, loop.updated_at = state, utcnow()
        await session.flush()
        made = _by(loop, kind, state, author, f"{loop.name} is now {state}.")
        again = str(uuid.uuid5(uuid.UUID(made.id), loop.updated_at.isoformat()))
        await decide(session, Outbox, made.model_copy(update={"id": again}))


def _by(loop: Loop, kind: Kind, outcome: str, author: str, reason: str) -> Decision:
    stamp = loop.updated_at.isoformat()
    return decision(
        project=loop.project, loop=loop.name, kind=kind, subject=f"{loop.name} generation {loop.generation}",
        outcome=outcome, event_time=None, author=author[:100], reason=reason,
        evidence={"generation": loop.generation}, measured={"at": stamp},
    )  # fmt: skip
