"""Migrations: Alembic scripts of a service, under a lock where replicas may race.

A service runs them at its start, or a Job does, before the new version serves: `python -m millrace_core.migrate
millrace_registry`, with the URL in MILLRACE_DATABASE_URL or MILLRACE_REGISTRY_DATABASE_URL; several packages each have
their own variable. A migration only adds, so that the version before goes on with the new schema (see docs/decisions).
"""

import asyncio
import importlib
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from millrace_core.database import is_away
from millrace_core.log import log

LOCK = 7_236_518_201
"""PostgreSQL advisory lock under which one replica migrates while the others wait."""
PATIENCE = 120.0
"""Seconds that the command waits for a database that does not answer yet."""
NO_DATABASE, MAY_NOT, REFUSED = "3D000", "42501", "28"
THERE_ALREADY = ("42P04", "23505")
"""SQLSTATE of a database that somebody else has just made."""


def upgrade(package: str, url: str, revision: str = "head") -> None:
    """Bring the database at *url* to a schema of *package*, the newest (blocking; run it in a thread)."""
    config = Config()
    config.set_main_option("script_location", str(_folder(package)))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    config.attributes["package"] = package
    if make_url(url).get_backend_name() == "sqlite":
        Path(str(make_url(url).database)).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command.upgrade(config, revision)


@dataclass(frozen=True)
class Schema:
    """What a version of a service knows of its schemas: the newest, and all before it."""

    newest: str
    earlier: frozenset[str]

    def lacks(self, revision: str | None) -> bool:
        """Whether a database at *revision* must be migrated first; a later version's need not be."""
        return revision is None or revision in self.earlier


def schema(package: str) -> Schema:
    """The schemas that this version of *package* knows."""
    scripts = ScriptDirectory(str(_folder(package)))
    revisions = [script.revision for script in scripts.walk_revisions()]
    return Schema(revisions[0], frozenset(revisions[1:]))


def _folder(package: str) -> Path:
    return Path(str(importlib.import_module(package).__file__)).parent / "migrations"


def run() -> None:
    """Called by every service's `migrations/env.py`."""
    url = make_url(context.config.attributes["url"])
    if url.get_backend_name() == "sqlite":
        opened = create_engine(url.set(drivername="sqlite"), poolclass=pool.NullPool)
        with opened.connect() as connection:
            _migrate(connection)
        return
    asyncio.run(_postgresql(str(context.config.attributes["url"])))


def _migrate(connection: Connection) -> None:
    package = context.config.attributes["package"]
    tables = importlib.import_module(package + ".tables")
    context.configure(connection=connection, target_metadata=tables.Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        ours, revision = schema(package), context.get_context().get_current_revision()
        if revision == ours.newest or not ours.lacks(revision):
            log.info("the schema is this version's or a later one's", package=package, schema=revision)
            return
        context.run_migrations()


async def _postgresql(url: str) -> None:
    opened = create_async_engine(url, poolclass=pool.NullPool)
    try:
        async with opened.begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await opened.dispose()


async def _create_database(url: str) -> None:
    """Make the database that *url* names. Raises: SystemExit if its user may not."""
    wanted = make_url(url)
    opened = create_async_engine(wanted.set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = opened.dialect.identifier_preparer.quote_identifier(str(wanted.database))
    try:
        async with opened.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        print(f"made the database {wanted.database}", flush=True)
    except DBAPIError as error:
        if _state(error) == MAY_NOT:
            raise SystemExit(
                f"There is no database {wanted.database}, and {wanted.username} may not make it."
            ) from error
        if _state(error) not in THERE_ALREADY:
            raise
    finally:
        await opened.dispose()


def _state(error: BaseException) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


def prepare(package: str, url: str) -> None:
    """Make the database if it is missing, and bring it to the newest schema, waiting for a server that is not up yet.

    Raises: SystemExit if the server does not answer for long, or refuses.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return upgrade(package, url)
        except (OSError, DBAPIError) as error:
            if _state(error) == NO_DATABASE:
                asyncio.run(_create_database(url))
            elif isinstance(error, DBAPIError) and not is_away(error):
                raise
            elif _state(error).startswith(REFUSED) or time.monotonic() > deadline:
                raise SystemExit(f"{package}: the database cannot be used: {_words(error)}") from error
            else:
                time.sleep(1)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {getattr(error, 'orig', error)}"[:300]


def address(package: str, alone: bool) -> str:
    """The URL of a package's database: of its own variable, else (*alone*) the common one. Raises: SystemExit."""
    service = package.removeprefix("millrace_").upper()
    url = os.environ.get(f"MILLRACE_{service}_DATABASE_URL") or (
        os.environ.get("MILLRACE_DATABASE_URL") if alone else None
    )
    if not url:
        raise SystemExit(
            f"Set MILLRACE_{service}_DATABASE_URL{' or MILLRACE_DATABASE_URL' if alone else ''}."
        )
    return url


def main() -> None:
    """Prepare the databases of the packages that are named."""
    packages = sys.argv[1:]
    if not packages:
        raise SystemExit("Name packages: python -m millrace_core.migrate millrace_registry")
    for package, url in {name: address(name, len(packages) == 1) for name in packages}.items():
        prepare(package, url)
        print(f"{package}: the schema is {schema(package).newest} or later", flush=True)


if __name__ == "__main__":
    main()
