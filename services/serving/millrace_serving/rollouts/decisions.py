"""The decisions that serving makes, in words: written to the outbox in the transaction of the change."""

from datetime import datetime
from typing import Any

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision, Kind, decision, decision_id
from millrace_contracts.endpoints import ServedForm
from millrace_core.database import AsyncSession
from millrace_core.outbox import decide
from millrace_serving.tables import Endpoint, Outbox, Revision, Rollout


def subject(rollout: Rollout) -> str:
    """What a rollout's decisions are about."""
    return f"{rollout.endpoint} rollout {rollout.number}"


def started_id(rollout: Rollout) -> str:
    """Id of the decision that started the rollout, the cause of all that follow."""
    return decision_id(rollout.project, rollout.loop, "rollout.started", subject(rollout), rollout.event_time)


async def tell_started(
    session: AsyncSession, rollout: Rollout, author: str, form: ServedForm | None = None
) -> None:
    """A rollout was started; *form*: what of its version is served, where there was a choice.

    The choice depends on the machine, so it is told as measured: a replay elsewhere decides the same.
    """
    plan = rollout.plan
    mirror = f"mirror {plan['mirror']['percent']:g} %, " if plan.get("mirror") else ""
    canary = ", ".join(f"{item['percent']:g} %" for item in plan.get("canary", [])) or "none"
    made = _made(
        rollout,
        "rollout.started",
        subject(rollout),
        "started",
        rollout.event_time,
        author,
        f"Version {rollout.version} starts its rollout on {rollout.endpoint}: {mirror}canary steps {canary}.",
        evidence={"version": rollout.version, "plan": plan},
        measured={} if form is None else {"form": form.model_dump(mode="json")},
        cause=rollout.cause,
    )
    rollout.decision = made.id
    await decide(session, Outbox, made)


async def tell_moved(
    session: AsyncSession,
    rollout: Rollout,
    kind: Kind,
    reason: str,
    at: datetime | None,
    author: str,
    evidence: Document,
    measured: Document,
) -> None:
    """A rollout made a step, was promoted or was aborted."""
    about = f"{subject(rollout)} step {rollout.step}" if kind == "rollout.step" else subject(rollout)
    outcome = rollout.state if kind == "rollout.step" else kind.removeprefix("rollout.")
    facts = {"version": rollout.version, "previous_revision": rollout.previous} | evidence
    made = _made(
        rollout,
        kind,
        about,
        outcome,
        at,
        author,
        reason,
        evidence=facts,
        measured=measured,
        cause=started_id(rollout),
    )
    rollout.decision = made.id
    await decide(session, Outbox, made)


def _made(
    rollout: Rollout,
    kind: Kind,
    about: str,
    outcome: str,
    at: datetime | None,
    author: str,
    reason: str,
    **more: Any,
) -> Decision:
    return decision(
        project=rollout.project,
        loop=rollout.loop,
        kind=kind,
        subject=about,
        outcome=outcome,
        event_time=at,
        author=author,
        reason=reason,
        run=rollout.run,
        **more,
    )


async def tell_fallen(session: AsyncSession, revision: Revision, target: str, words: str) -> None:
    """The form of a revision cannot be used; its version's base form serves."""
    made = decision(
        project=revision.project,
        loop=revision.loop,
        kind="form.fell-back",
        subject=f"{revision.endpoint} revision {revision.number} {target}"[:200],
        outcome=revision.target,
        event_time=None,
        author="serving",
        reason=f"Version {revision.version}: {words}"[:2000],
        run=revision.run,
        evidence={"version": revision.version, "form": target, "instead": revision.target},
    )
    await decide(session, Outbox, made)


async def tell_rollback(
    session: AsyncSession,
    endpoint: Endpoint,
    author: str,
    target: Revision,
    left: Revision,
    key: str,
    reason: str,
    **more: Any,
) -> None:
    """The traffic went back from *left* to *target*, which was loaded."""
    version = target.version
    made = decision(
        project=endpoint.project,
        kind="rollback",
        subject=f"{endpoint.name} to version {version} ({key})"[:200],
        outcome=f"version {version}",
        author=author,
        reason=f"{endpoint.name} goes from version {_form(left)} back to version {_form(target)}: {reason}"[
            :2000
        ],
        evidence={"version": version, "left": left.version},
        **more,
    )
    await decide(session, Outbox, made)


def _form(revision: Revision) -> str:
    """The version, and its form where it has several."""
    return f"{revision.version} ({revision.target})" if revision.offered else str(revision.version)
