"""Migrations: Alembic scripts of a service, run once at its start, under a lock where replicas may race."""

import importlib
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import make_url

LOCK = 7_236_518_201
"""PostgreSQL advisory lock under which one replica migrates while the others wait."""
SYNC_DRIVERS = {"sqlite+aiosqlite": "sqlite", "postgresql+asyncpg": "postgresql+asyncpg"}


def upgrade(package: str, url: str) -> None:
    """Bring the database at *url* to the newest schema of *package* (blocking; run it in a thread)."""
    config = Config()
    folder = Path(str(importlib.import_module(package).__file__)).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    config.attributes["package"] = package
    if make_url(url).get_backend_name() == "sqlite":
        Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command.upgrade(config, "head")


def run() -> None:
    """Called by every service's `migrations/env.py`."""
    url = make_url(context.config.attributes["url"])
    if url.get_backend_name() == "sqlite":
        made = create_engine(url.set(drivername="sqlite"), poolclass=pool.NullPool)
        with made.connect() as connection:
            _migrate(connection)
        return
    import asyncio

    asyncio.run(_postgresql(str(context.config.attributes["url"])))


def _migrate(connection: Connection) -> None:
    tables = importlib.import_module(context.config.attributes["package"] + ".tables")
    context.configure(connection=connection, target_metadata=tables.Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()


async def _postgresql(url: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    made = create_async_engine(url, poolclass=pool.NullPool)
    async with made.begin() as connection:
        await connection.run_sync(_migrate)
    await made.dispose()
