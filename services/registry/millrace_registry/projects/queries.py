"""SQL of projects."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_registry.tables import Project, insert_new


async def ensure(session: AsyncSession, name: str, description: str = "") -> Project:
    """The project, made now if it is new."""
    await insert_new(session, Project, name=name, description=description, created_at=utcnow())
    return (await session.scalars(select(Project).where(Project.name == name))).one()


async def page(session: AsyncSession, after: str | None, limit: int) -> list[Project]:
    """Projects by name, after *after*; one more than *limit*."""
    statement = select(Project).order_by(Project.name).limit(limit + 1)
    if after is not None:
        statement = statement.where(Project.name > after)
    return list((await session.scalars(statement)).all())


async def find(session: AsyncSession, name: str) -> Project | None:
    """The project, if there is one of this name."""
    return await session.get(Project, name)
