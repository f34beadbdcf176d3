"""Retention over HTTP, and its slow pass in the background."""

from datetime import timedelta

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from millrace_core.auth import permit
from millrace_core.database import utcnow
from millrace_core.reconcile import run_forever
from millrace_registry.artifacts.queries import forget
from millrace_registry.retention import queries

router = APIRouter(prefix="/v1", tags=["retention"])


class RetentionWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")
    dry_run: bool = Field(default=True, description="Only say what would go.")
    older_than_seconds: int = Field(
        ge=3600, le=10**10, description="Age below which nothing goes; an hour at least."
    )


class RetentionRead(BaseModel):
    removed: list[str] = Field(description="Digests, or those that would go in a dry run.")
    bytes: int
    dry_run: bool


@router.post(
    "/retention:apply", response_model=RetentionRead, dependencies=[permit("registry.retention.write")]
)
async def apply_retention(body: RetentionWrite, request: Request) -> RetentionRead:
    """Remove old artifacts that no dataset, model, run, quarantine entry or decision mentions."""
    return await apply(request.app, timedelta(seconds=body.older_than_seconds), body.dry_run)


async def apply(app: FastAPI, age: timedelta, dry_run: bool) -> RetentionRead:
    """One pass: rows first, in one transaction; then blobs that no project holds any more."""
    async with app.state.sessions.begin() as session:
        rows = await queries.unreferenced(session, utcnow() - age)
        result = RetentionRead(
            removed=[row.digest for row in rows], bytes=sum(row.size for row in rows), dry_run=dry_run
        )
        orphans = []
        for row in [] if dry_run else rows:
            await forget(session, row.project, row.digest)
            if await queries.owners(session, row.digest) == 0:
                orphans.append(row.digest)
    for digest in orphans:
        await app.state.store.delete(digest)
    return result


async def keep_applying(app: FastAPI) -> None:
    """The background task."""
    settings = app.state.settings

    async def once() -> None:
        await apply(app, timedelta(days=settings.artifact_retention_days), dry_run=False)

    await run_forever("retention", once, every=settings.retention_seconds)
