"""One pass of retention, and the background task that repeats it."""

from datetime import timedelta

from millrace_contracts.artifacts import RetentionRead
from millrace_core.database import utcnow
from millrace_core.reconcile import run_forever
from millrace_registry.artifacts.queries import forget
from millrace_registry.retention.queries import unreferenced
from millrace_registry.services import Services


async def apply(services: Services, age: timedelta, dry_run: bool) -> RetentionRead:
    """Remove what is older than *age* and mentioned nowhere; a blob goes while nobody can store it anew."""
    async with services.sessions.begin() as session:
        rows = await unreferenced(session, utcnow() - age)
        for row in () if dry_run else rows:
            if await forget(session, row.project, row.digest) == 0:
                await services.store.delete(row.digest)
    return RetentionRead(
        removed=[row.digest for row in rows], bytes=sum(row.size for row in rows), dry_run=dry_run
    )


async def keep_applying(services: Services) -> None:
    """The background task."""
    settings = services.settings

    async def once() -> None:
        await apply(services, timedelta(days=settings.artifact_retention_days), dry_run=False)

    await run_forever("retention", once, every=settings.retention_seconds)
