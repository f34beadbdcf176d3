"""SQL of artifacts: which digests were stored, and by which project."""

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import BadInput, FieldError, NotFound
from millrace_registry.tables import Artifact


async def add(session: AsyncSession, project: str, digest: str, size: int, media_type: str) -> None:
    """Note that *project* stored the blob; storing it again changes nothing."""
    dialect = session.get_bind().dialect.name
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(Artifact)
    row = {
        "project": project,
        "digest": digest,
        "size": size,
        "media_type": media_type,
        "created_at": utcnow(),
    }
    await session.execute(insert.values(row).on_conflict_do_nothing())


async def get(session: AsyncSession, project: str, digest: str) -> Artifact:
    """The artifact, if this project stored it. Raises NotFound."""
    found = await session.get(Artifact, (project, digest))
    if found is None:
        raise NotFound(f"There is no artifact {digest} in the project {project}.")
    return found


async def require(session: AsyncSession, project: str, digests: Iterable[str]) -> None:
    """Refuse references to blobs that are not there (BadInput names them)."""
    wanted = set(digests)
    known = select(Artifact.digest).where(Artifact.project == project, Artifact.digest.in_(wanted))
    missing = sorted(wanted - set((await session.scalars(known)).all()))
    if missing:
        errors = [FieldError("files", f"{digest} is not stored", "upload it first") for digest in missing]
        raise BadInput(f"{len(missing)} artifacts are not stored here.", errors)


async def forget(session: AsyncSession, project: str, digest: str) -> None:
    await session.execute(delete(Artifact).where(Artifact.project == project, Artifact.digest == digest))
