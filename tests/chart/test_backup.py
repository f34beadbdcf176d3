"""The dump and the restore of docs/howto/backup.md, and the SQL of production.md, on a real PostgreSQL."""

import os
import subprocess
import uuid
from urllib.parse import unquote

import pytest
from tests import postgresql as databases
from tests.chart.howtos import blocks, page
from tests.chart.resources import postgresql

from millrace_core.migrate import prepare

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
INSIDE = """#!/bin/bash
# Stands for `kubectl exec … -- command`: the command runs here. Other calls do nothing.
[ "$1" = exec ] && [[ " $* " == *" statefulset/millrace-postgres "* ]] || exit 0
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture(scope="module")
def socket():
    """Folder with the socket of a server of this module's own."""
    with databases.started() as server:
        yield unquote(server.get_uri().partition("host=")[2])


@pytest.fixture
def bash(socket, tmp_path):
    """Runs a block of a page where kubectl leads to the server."""
    tools = tmp_path / ".tools"
    tools.mkdir()
    for name in ("kubectl", "helm"):
        (tools / name).write_text(INSIDE)
        (tools / name).chmod(0o755)
    path = f"{tools}:{postgresql()}:{os.environ['PATH']}"
    environment = {
        "PATH": path,
        "PGHOST": str(socket),
        "POSTGRES_PASSWORD": uuid.uuid4().hex,
        "HOME": str(tmp_path),
    }

    def run(script):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    return run


def block(name, *words):
    """The one block of a page with all these words."""
    (found,) = [item.text for item in blocks(page(name)) if all(word in item.text for word in words)]
    return found


def ask(bash, service, statement):
    return bash(f'psql -U millrace -At -v ON_ERROR_STOP=1 -d millrace_{service} -c "{statement}"').strip()


def shape(bash, service):
    """Revision, and the number of constraints and indexes of a database."""
    count = "SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public'"
    return [ask(bash, service, one) for one in ("SELECT version_num FROM alembic_version", count, indexes)]


def test_what_was_dumped_is_there_after_the_restore_and_nothing_else(bash, socket, tmp_path):
    (tmp_path / "databases.sql").write_text(block("production", "CREATE ROLE"))
    bash("psql -U postgres -v ON_ERROR_STOP=1 -f databases.sql")
    for name in SERVICES:
        prepare(f"millrace_{name}", f"postgresql+asyncpg://millrace@/millrace_{name}?host={socket}")
        ask(bash, name, "CREATE TABLE kept (name text); INSERT INTO kept VALUES ('before')")
    before = [shape(bash, name) for name in SERVICES]
    bash(block("backup", "pg_dump", "kubectl exec"))
    for name in SERVICES:
        ask(bash, name, "DROP TABLE kept; CREATE TABLE kept (other integer); DROP TABLE alembic_version")
    bash(block("backup", "pg_restore"))
    assert [ask(bash, name, "SELECT name FROM kept") for name in SERVICES] == ["before"] * 5
    assert [shape(bash, name) for name in SERVICES] == before
    assert int(before[0][1]) > 20


def test_the_dump_of_an_external_database_takes_the_registrys_last(bash, socket, tmp_path):
    script = block("backup", "pg_dump", "db.example")
    order = script.split("for name in ")[1].split(";")[0].split()
    assert set(order) == set(SERVICES)
    assert order[-1] == "registry"
    assert order[0] == "controller"
    assert "postgresql://millrace@db.example:5432/millrace_$name?sslmode=verify-full" in script
