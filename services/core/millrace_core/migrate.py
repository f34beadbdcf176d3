"""Migrations: Alembic scripts of a service, under a lock where replicas may race.

A service runs them at its start, or a Job does, before the new version serves: `python -m millrace_core.migrate
millrace_registry`, with the URL in MILLRACE_DATABASE_URL.
"""

import importlib
import sys
import time
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError

LOCK = 7_236_518_201
"""PostgreSQL advisory lock under which one replica migrates while the others wait."""
PATIENCE = 120.0
"""Seconds that the command waits for a database that does not answer yet."""
SYNC_DRIVERS = {"sqlite+aiosqlite": "sqlite", "postgresql+asyncpg": "postgresql+asyncpg"}


def upgrade(package: str, url: str) -> None:
    """Bring the database at *url* to the newest schema of *package* (blocking; run it in a thread)."""
    config = Config()
    config.set_main_option("script_location", str(_folder(package)))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    config.attributes["package"] = package
    if make_url(url).get_backend_name() == "sqlite":
        Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command.upgrade(config, "head")


def newest(package: str) -> str:
    """The revision that this version of *package* needs."""
    found = ScriptDirectory(str(_folder(package))).get_current_head()
    assert found is not None, "a service with a database has migrations"
    return found


def _folder(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parent / "migrations"


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


def main() -> None:
    """Bring the database of a service to the newest schema, waiting for the database to come up first."""
    from millrace_core.settings import Settings

    package, url = sys.argv[1], Settings().database_url
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            upgrade(package, url)
            break
        except (OSError, InterfaceError, OperationalError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"The database does not answer: {type(error).__name__}.") from error
            time.sleep(1)
    print(f"{package}: the schema is {newest(package)}")


if __name__ == "__main__":
    main()
