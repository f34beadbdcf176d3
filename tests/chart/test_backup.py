"""The dump and the restore of docs/howto/backup.md, and the SQL of production.md, on a real PostgreSQL."""

import os
import re
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
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


ME = 65532
"""Whom the pod runs as."""


def lines_with(block_text, word):
    """The command of a block, over its lines, that holds a word; without kubectl, as the pod runs it."""
    joined = re.findall(
        r"^kubectl exec [^\n]*millrace-backup -- (.*?)(?: [<>] blobs\.tar)$", block_text, re.M | re.S
    )
    (found,) = [item for item in joined if word in item]
    return found


def volumes(place):
    """Three volumes as a storage makes them: their roots are another user's, and a group may write."""
    for name in ("registry", "monitoring", "training"):
        folder = place / "data" / name
        folder.mkdir(parents=True)
        os.chown(folder, 0, ME)
        folder.chmod(0o2775)
    lost = place / "data" / "registry" / "lost+found"
    lost.mkdir(mode=0o700)
    return place / "data"


def as_the_pod(command, data, **streams):
    here = command.replace("/data", str(data))
    # Not subprocess's own user=: that forks, and what gRPC does at a fork speaks on the child's stderr.
    as_me = ["setpriv", f"--reuid={ME}", f"--regid={ME}", "--clear-groups"]
    done = subprocess.run([*as_me, "bash", "-euo", "pipefail", "-c", here], stderr=subprocess.PIPE, **streams)
    return done.returncode, done.stderr.decode()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of another user")
def test_the_volumes_come_back_whole_by_a_pod_that_may_not_change_their_roots():
    place = Path(tempfile.mkdtemp(prefix="backup-"))
    try:
        place.chmod(0o755)
        before, after = volumes(place / "a"), volumes(place / "b")
        make = "cd /data; mkdir -p registry/blobs/ab monitoring/log; echo one > registry/blobs/ab/x; "
        make += "echo two > 'monitoring/log/a b'; chmod 400 registry/blobs/ab/x; touch training/.t"
        assert as_the_pod(make, before) == (0, "")
        copy = lines_with(block("backup", "pg_dump", "kubectl exec"), "find")
        with (place / "blobs.tar").open("wb") as file:
            assert as_the_pod(copy, before, stdout=file) == (0, "")
        restore = lines_with(block("backup", "pg_restore"), "-xf")
        assert as_the_pod("mkdir -p /data/registry/blobs", after) == (0, ""), "a fresh installation has begun"
        with (place / "blobs.tar").open("rb") as file:
            assert as_the_pod(restore, after, stdin=file) == (0, "")
        assert (after / "registry/blobs/ab/x").read_text() == "one\n"
        assert (after / "monitoring/log/a b").read_text() == "two\n"
        assert (after / "training/.t").exists()
        assert (after / "registry/blobs/ab/x").stat().st_uid == ME
        whole = subprocess.run(["tar", "-cf", place / "whole.tar", "-C", before, "registry"], check=True)
        assert whole.returncode == 0
        with (place / "whole.tar").open("rb") as file:
            status, said = as_the_pod(restore, volumes(place / "c"), stdin=file)
        assert status != 0
        assert "registry" in said, "a copy with the roots in it is what went wrong"
    finally:
        shutil.rmtree(place)


def test_the_dump_of_an_external_database_takes_the_registrys_last(bash, socket, tmp_path):
    script = block("backup", "pg_dump", "db.example")
    order = script.split("for name in ")[1].split(";")[0].split()
    assert set(order) == set(SERVICES)
    assert order[-1] == "registry"
    assert order[0] == "controller"
    assert "postgresql://millrace@db.example:5432/millrace_$name?sslmode=verify-full" in script
