"""All SQL of endpoints, revisions and the history of the stable revision."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.endpoints import RevisionState
from millrace_contracts.variants import BASE_TARGET, Measurement, TargetName
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_serving.tables import Change, Endpoint, Measured, Revision


async def get(session: AsyncSession, project: str, name: str) -> Endpoint:
    """One endpoint. Raises: NotFound."""
    found = await session.get(Endpoint, (project, name), populate_existing=True)
    if found is None or found.deleted_at is not None:
        raise NotFound(f"There is no endpoint {name}.")
    return found


async def put(
    session: AsyncSession, project: str, name: str, model: str, mode: str, timezone: str
) -> Endpoint:
    """Create the endpoint or change its time zone. Raises: Conflict for another model or mode."""
    found = await session.get(Endpoint, (project, name), populate_existing=True)
    if found is None:
        found = Endpoint(
            project=project,
            name=name,
            model=model,
            mode=mode,
            timezone=timezone,
            revisions_made=0,
            created_at=utcnow(),
        )
        session.add(found)
    elif found.deleted_at is not None:
        found.model, found.mode, found.deleted_at, found.stable, found.event_time = (
            model,
            mode,
            None,
            None,
            None,
        )
    elif (found.model, found.mode) != (model, mode):
        raise Conflict(f"The endpoint {name} serves {found.model} in mode {found.mode}; delete it first.")
    found.timezone = timezone
    await _flush(session, f"The endpoint {name} was made by someone else just now.")
    return found


async def _flush(session: AsyncSession, words: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(words) from error


async def after(session: AsyncSession, project: str, limit: int, name: str | None) -> Sequence[Endpoint]:
    """Up to limit + 1 endpoints by name, those after *name*."""
    statement = select(Endpoint).where(Endpoint.project == project, Endpoint.deleted_at.is_(None))
    if name is not None:
        statement = statement.where(Endpoint.name > name)
    return (await session.scalars(statement.order_by(Endpoint.name).limit(limit + 1))).all()


async def everything(session: AsyncSession) -> Sequence[Endpoint]:
    """Every endpoint of every project that is not deleted."""
    statement = select(Endpoint).where(Endpoint.deleted_at.is_(None))
    return (await session.scalars(statement.order_by(Endpoint.project, Endpoint.name))).all()


async def ready(session: AsyncSession) -> list[tuple[Endpoint, Revision]]:
    """Every ready revision of every live endpoint, with its endpoint, by name and number."""
    same = (Revision.project == Endpoint.project, Revision.endpoint == Endpoint.name)
    where = (Endpoint.deleted_at.is_(None), Endpoint.mode == "live", Revision.state == RevisionState.READY)
    statement = select(Endpoint, Revision).join(Revision, and_(*same)).where(*where)
    ordered = statement.order_by(Endpoint.project, Endpoint.name, Revision.number)
    return [(endpoint, revision) for endpoint, revision in (await session.execute(ordered)).all()]


def _of(endpoint: Endpoint) -> tuple[Any, ...]:
    return Revision.project == endpoint.project, Revision.endpoint == endpoint.name


async def revisions(session: AsyncSession, endpoint: Endpoint) -> Sequence[Revision]:
    """All revisions an endpoint ever had, the oldest first."""
    statement = select(Revision).where(*_of(endpoint)).order_by(Revision.number)
    return (await session.scalars(statement.execution_options(populate_existing=True))).all()


async def revision(session: AsyncSession, endpoint: Endpoint, number: int) -> Revision:
    """One revision. Raises: NotFound."""
    key = (endpoint.project, endpoint.name, number)
    row = await session.get(Revision, key, populate_existing=True)
    if row is None:
        raise NotFound(f"The endpoint {endpoint.name} has no revision {number}.")
    return row


async def loaded_version(
    session: AsyncSession, endpoint: Endpoint, version: int, digest: str
) -> Revision | None:
    """The newest loaded revision of a model version with this graph, if there is one."""
    statement = select(Revision).where(
        *_of(endpoint),
        Revision.version == version,
        Revision.digest == digest,
        Revision.state == RevisionState.READY,
    )
    return await session.scalar(statement.order_by(Revision.number.desc()).limit(1))


async def add_revision(session: AsyncSession, endpoint: Endpoint, **columns: Any) -> Revision:
    """A new revision under the endpoint's next number, which is never used again."""
    number = endpoint.revisions_made + 1
    key = (
        Endpoint.project == endpoint.project,
        Endpoint.name == endpoint.name,
        Endpoint.revisions_made == number - 1,
    )
    changed = await session.execute(update(Endpoint).where(*key).values(revisions_made=number))
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"The endpoint {endpoint.name} was changed by someone else.")
    made = Revision(project=endpoint.project, endpoint=endpoint.name, number=number, **columns)
    session.add(made)
    await session.flush()
    await session.refresh(endpoint)
    return made


async def set_loaded(session: AsyncSession, found: Revision, state: RevisionState, reason: str = "") -> None:
    """Set where a revision stands."""
    found.state, found.reason = state, reason
    await session.flush()


async def fall_back(session: AsyncSession, found: Revision, message: str) -> None:
    """From now on the revision serves its version's base form; *message* says why."""
    found.target, found.digest, found.size = BASE_TARGET, found.base or found.digest, None
    found.form = dict(found.form) | {"reason": "FellBack", "message": message}
    await session.flush()


async def unsized(session: AsyncSession) -> list[Revision]:
    """Loaded revisions of which nobody knows how large their graph is."""
    where = (Revision.size.is_(None), Revision.state.in_((RevisionState.READY, RevisionState.LOADING)))
    return list((await session.scalars(select(Revision).where(*where))).all())


async def set_size(session: AsyncSession, project: str, digest: str, size: int) -> None:
    """Remember how large a graph is, wherever it is served."""
    where = (Revision.project == project, Revision.digest == digest)
    await session.execute(update(Revision).where(*where).values(size=size))


async def measured(
    session: AsyncSession, digests: Collection[str]
) -> dict[tuple[TargetName, str], Measurement]:
    """What serving measured itself of graphs, by target and kind of node."""
    rows = (await session.scalars(select(Measured).where(Measured.digest.in_(digests)))).all()
    return {
        (cast(TargetName, row.target), row.node): Measurement.model_validate(row.measurement) for row in rows
    }


async def keep_measured(session: AsyncSession, digest: str, target: str, measured: Measurement) -> None:
    """Remember how fast a graph is on a kind of node; the newest measurement counts."""
    row = Measured(
        digest=digest,
        target=target,
        node=measured.node.key,
        measurement=measured.model_dump(mode="json"),
        measured_at=utcnow(),
    )
    await session.merge(row)


async def make_stable(
    session: AsyncSession,
    endpoint: Endpoint,
    number: int,
    kind: str,
    key: str,
    body_digest: str,
    **columns: Any,
) -> None:
    """Compare-and-set the stable revision, and add the change to the history (Conflict if it moved)."""
    where = (
        Endpoint.project == endpoint.project,
        Endpoint.name == endpoint.name,
        Endpoint.stable.is_not_distinct_from(endpoint.stable),
    )
    changed = await session.execute(update(Endpoint).where(*where).values(stable=number))
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"The stable revision of {endpoint.name} was changed by someone else.")
    touch(session, Endpoint, endpoint.project, endpoint.name)
    session.add(
        Change(
            project=endpoint.project,
            endpoint=endpoint.name,
            kind=kind,
            key=key,
            body_digest=body_digest,
            revision=number,
            created_at=utcnow(),
            **columns,
        )
    )
    await session.flush()
    await session.refresh(endpoint)


async def change_by_key(session: AsyncSession, endpoint: Endpoint, key: str) -> Change | None:
    """The change that was made under *key*, if any."""
    where = (Change.project == endpoint.project, Change.endpoint == endpoint.name, Change.key == key)
    return await session.scalar(select(Change).where(*where))


async def changes(session: AsyncSession, endpoint: Endpoint) -> Sequence[Change]:
    """The history of the stable revision, the newest first."""
    where = (Change.project == endpoint.project, Change.endpoint == endpoint.name)
    return (await session.scalars(select(Change).where(*where).order_by(Change.id.desc()))).all()


async def advance_to(session: AsyncSession, endpoint: Endpoint, moment: datetime) -> None:
    """Remember the event time; it never goes back."""
    if endpoint.event_time is None or moment > endpoint.event_time:
        endpoint.event_time = moment
        await session.flush()
