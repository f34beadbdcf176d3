"""SQL of artifacts: which digests were stored, and by which project."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import BadInput, FieldError, NotFound
from millrace_registry.tables import Artifact, insert_new


async def hold(session: AsyncSession, digest: str) -> None:
    """Let nobody else note or forget this blob until the transaction ends; on SQLite every writer waits anyway."""
    if session.get_bind().dialect.name == "postgresql":
        key = int(digest[-15:], 16)
        await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


async def add(session: AsyncSession, project: str, digest: str, size: int, media_type: str) -> None:
    """Note that *project* stored the blob; storing it again makes it young again, for retention."""
    await hold(session, digest)
    now = utcnow()
    row = {"project": project, "digest": digest, "size": size, "media_type": media_type, "created_at": now}
    if not await insert_new(session, Artifact, **row):
        mine = (Artifact.project == project, Artifact.digest == digest)
        await session.execute(update(Artifact).where(*mine).values(created_at=now))


async def get(session: AsyncSession, project: str, digest: str) -> Artifact:
    """The artifact, if this project stored it. Raises NotFound."""
    found = await session.get(Artifact, (project, digest))
    if found is None:
        raise NotFound(f"There is no artifact {digest} in the project {project}.")
    return found


async def require(session: AsyncSession, project: str, digests: Iterable[str]) -> None:
    """Refuse references to blobs that are not there (BadInput names them); retention waits for the transaction."""
    wanted = set(digests)
    known = select(Artifact.digest).where(Artifact.project == project, Artifact.digest.in_(wanted))
    missing = sorted(wanted - set((await session.scalars(known.with_for_update(read=True))).all()))
    if missing:
        errors = [
            FieldError("files", f"{digest} is not stored", "upload it first") for digest in missing[:20]
        ]
        raise BadInput(f"{len(missing)} artifacts are not stored here.", errors)


async def forget(session: AsyncSession, project: str, digest: str, before: datetime) -> int | None:
    """Forget that *project* holds the blob, unless it was stored again since *before*.

    Returns: how many other projects hold it, or None if nothing was forgotten.
    """
    await hold(session, digest)
    old = (Artifact.project == project, Artifact.digest == digest, Artifact.created_at < before)
    if (await session.execute(delete(Artifact).where(*old))).rowcount == 0:  # type: ignore[attr-defined]
        return None
    return len((await session.scalars(select(Artifact.project).where(Artifact.digest == digest))).all())
