"""SQL of artifacts: which digests were stored, and by which project."""

from collections.abc import Iterable

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import BadInput, FieldError, NotFound
from millrace_registry.tables import Artifact, insert_new

RETENTION = 7_236_518_203
"""PostgreSQL advisory lock: shared by all who store or mention a blob, exclusive for who removes blobs."""


async def hold(session: AsyncSession, alone: bool = False) -> None:
    """Keep retention away until the transaction ends; *alone*: keep everybody else away.

    On SQLite there is only one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        shared = "" if alone else "_shared"
        await session.execute(text(f"SELECT pg_advisory_xact_lock{shared}({RETENTION})"))


async def add(session: AsyncSession, project: str, digest: str, size: int, media_type: str) -> None:
    """Note that *project* stored the blob; storing it again makes it young again, for retention."""
    await hold(session)
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
    await hold(session)
    wanted = set(digests)
    known = select(Artifact.digest).where(Artifact.project == project, Artifact.digest.in_(wanted))
    missing = sorted(wanted - set((await session.scalars(known)).all()))
    if missing:
        errors = [
            FieldError("files", f"{digest} is not stored", "upload it first") for digest in missing[:20]
        ]
        raise BadInput(f"{len(missing)} artifacts are not stored here.", errors)


async def forget(session: AsyncSession, project: str, digest: str) -> int:
    """Forget that *project* holds the blob; returns how many other projects hold it."""
    await session.execute(delete(Artifact).where(Artifact.project == project, Artifact.digest == digest))
    return len((await session.scalars(select(Artifact.project).where(Artifact.digest == digest))).all())
