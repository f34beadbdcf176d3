"""The background task that copies runs of loops which were written by an earlier version of this service."""

from millrace_core.reconcile import run_forever
from millrace_registry.mlflow.following import queries
from millrace_registry.services import Services

SECONDS = 30.0


async def catch_up(services: Services) -> int:
    """Copy what is behind, a batch a transaction; returns how many runs there were."""
    copied = 0
    while True:
        async with services.sessions.begin() as session:
            rows = await queries.behind(session)
            for row in rows:
                await queries.follow(session, row)
        copied += len(rows)
        if len(rows) < queries.BATCH:
            return copied


async def keep_following(services: Services) -> None:
    """The background task."""

    async def once() -> None:
        await catch_up(services)

    await run_forever("mlflow runs", once, every=SECONDS)
