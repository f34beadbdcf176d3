"""Retention over HTTP."""

from datetime import timedelta

from fastapi import APIRouter

from millrace_contracts.artifacts import RetentionRead, RetentionWrite
from millrace_core.auth import permit
from millrace_registry.retention.controller import apply
from millrace_registry.services import CurrentServices

router = APIRouter(prefix="/v1", tags=["retention"])
WRITE = permit("registry.retention.write")


@router.post("/retention:apply", response_model=RetentionRead, dependencies=[WRITE])
async def apply_retention(body: RetentionWrite, services: CurrentServices) -> RetentionRead:
    """Remove old artifacts, of all projects, that no dataset, model, run, quarantine entry or decision mentions."""
    return await apply(services, timedelta(seconds=body.older_than_seconds), body.dry_run)
