"""Who is told and by which channels, as it was stored: a row that nobody can read is named, and hides no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON, Select, delete, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.notices import Channel, Notify
from millrace_core.errors import NotFound
from millrace_core.log import log
from millrace_monitoring.notices.tables import ProjectChannel, Subscription
from millrace_monitoring.tables import Table

UNSEEN = {"synchronize_session": False}
"""Rows are changed where they are; none is read for it, which may be none that can be read."""
NOTIFY, CHANNEL = TypeAdapter(Notify), TypeAdapter(Channel)


@dataclass(frozen=True)
class Unreadable:
    """A row of *project* that another version wrote, or somebody in the database; *name*: of its loop or channel."""

    project: str
    name: str
    why: str


async def subscriptions(
    session: AsyncSession, project: str | None = None
) -> tuple[list[Subscription], list[Unreadable]]:
    """Loops of a project, or all, that people are told of, by project and loop; then those that cannot be read."""
    rows = select(Subscription.project, Subscription.loop, type_coerce(Subscription.notify, JSON)).where(
        Subscription.gone.is_(False)
    )
    rows = rows.order_by(Subscription.project, Subscription.loop)
    if project is not None:
        rows = rows.where(Subscription.project == project)
    read, wrong = await _read(session, rows, NOTIFY)
    return [Subscription(project=of, loop=name, notify=kept, gone=False) for of, name, kept in read], wrong


async def channels(
    session: AsyncSession, project: str | None = None
) -> tuple[list[ProjectChannel], list[Unreadable]]:
    """Channels of a project, or of all, by name; then those that cannot be read."""
    rows = select(ProjectChannel.project, ProjectChannel.name, type_coerce(ProjectChannel.channel, JSON))
    rows = rows.order_by(ProjectChannel.project, ProjectChannel.name)
    if project is not None:
        rows = rows.where(ProjectChannel.project == project)
    read, wrong = await _read(session, rows, CHANNEL)
    return [ProjectChannel(project=of, name=name, channel=kept) for of, name, kept in read], wrong


async def subscribe(session: AsyncSession, project: str, loop: str, notify: Notify) -> None:
    """Whatever was stored of the loop before; it need not be readable."""
    await _put(
        session, Subscription, ("project", "loop"), project=project, loop=loop, notify=notify, gone=False
    )


async def put_channel(session: AsyncSession, project: str, name: str, channel: Channel) -> None:
    """Whatever was stored under the name before; it need not be readable."""
    await _put(session, ProjectChannel, ("project", "name"), project=project, name=name, channel=channel)


async def _put(session: AsyncSession, table: type[Table], key: tuple[str, ...], **values: object) -> None:
    """In one statement, which waits for who puts the same row now, and is the later one."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = dialect.insert(table).values(**values)
    changed = {name: column for name, column in row.excluded.items() if name not in key}
    await session.execute(
        row.on_conflict_do_update(index_elements=key, set_=changed), execution_options=UNSEEN
    )


async def remove_channel(session: AsyncSession, project: str, name: str) -> None:
    """Raises: NotFound."""
    mine = (ProjectChannel.project == project, ProjectChannel.name == name)
    gone = await session.execute(delete(ProjectChannel).where(*mine), execution_options=UNSEEN)
    if gone.rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound(f"The project {project} has no channel '{name}'.")


async def _read(
    session: AsyncSession, rows: Select[tuple[str, str, Any]], kind: TypeAdapter[Any]
) -> tuple[list[tuple[str, str, Any]], list[Unreadable]]:
    read: list[tuple[str, str, Any]] = []
    wrong: list[Unreadable] = []
    found: Sequence[Any] = (await session.execute(rows)).all()
    for project, name, kept in found:
        try:
            read.append((project, name, kind.validate_python(kept)))
        except ValidationError as error:
            wrong.append(Unreadable(project, name, why(error)))
            log.error("who is told cannot be read as it is stored", project=project, of=name, why=why(error))
    return read, wrong


def why(error: ValidationError) -> str:
    """The first mistake, in words."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]
