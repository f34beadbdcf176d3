"""On PostgreSQL every service starts and waits as it promises, and a database that is busy or away is 503."""

import asyncio
import importlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.engine import make_url

from millrace_core import database, migrate
from millrace_core.app import create_app
from millrace_core.auth import PUBLIC, permit
from millrace_core.database import Session
from millrace_core.settings import Settings

PACKAGES = ("registry", "training", "serving", "monitoring", "controller")
NEWEST = migrate.schema("millrace_training").newest


@pytest.fixture
def prepared(fresh, monkeypatch):
    """URL of a database that the command has prepared for a package."""

    def make(package):
        url = fresh()
        monkeypatch.setenv("MILLRACE_DATABASE_URL", url)
        command(monkeypatch, f"millrace_{package}")
        return url

    return make


def command(monkeypatch, *packages):
    monkeypatch.setattr(sys, "argv", ["migrate", *packages])
    migrate.main()


def service(name, home, url, **settings):
    module = importlib.import_module(f"millrace_{name}.main")
    kind = next(value for key, value in vars(module).items() if key.lower() == f"{name}settings")
    extra = {"serving": {"data_plane": False}, "monitoring": {"otlp_port": 0}}.get(name, {})
    return module.build(kind(home=home, database_url=url, service=name, **extra, **settings))


def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_migrated_service_is_ready_and_finds_its_tables(name, prepared, tmp_path):
    app = service(name, tmp_path, prepared(name), migrate="never")

    async def story():
        async with app.router.lifespan_context(app), client(app) as http, asyncio.timeout(20):
            while (answer := await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            assert answer.json() == {"status": "ready", "waits_for": {}}
            package = importlib.import_module(f"millrace_{name}.tables")
            async with app.state.services.readers() as session:
                for table in package.Table.metadata.sorted_tables:
                    await session.execute(table.select().limit(1))

    asyncio.run(story())


@pytest.mark.parametrize("name", PACKAGES)
def test_a_service_may_migrate_by_itself(name, fresh, tmp_path):
    url = fresh()
    asyncio.run(migrate._create_database(url))
    app = service(name, tmp_path, url)

    async def story():
        async with app.router.lifespan_context(app), client(app) as http:
            assert (await http.get("/readyz")).json()["waits_for"] == {}

    asyncio.run(story())


def test_a_service_waits_for_the_schema_says_so_and_begins_when_it_is_there(fresh, tmp_path, monkeypatch):
    url = fresh()
    app = service("training", tmp_path, url, migrate="never")

    async def story():
        async with app.router.lifespan_context(app), client(app) as http, asyncio.timeout(30):
            assert (await http.get("/healthz")).status_code == 200
            assert "database" in (await http.get("/readyz")).json()["waits_for"]
            await asyncio.to_thread(asyncio.run, migrate._create_database(url))
            waits = (await http.get("/readyz")).json()["waits_for"]
            assert waits == {"schema": f"is missing, needs {NEWEST}", "start": "the service has not begun"}
            refused = await http.get("/v1/jobs")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            await asyncio.to_thread(migrate.prepare, "millrace_training", url)
            while (await http.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.05)
            assert (await http.get("/v1/jobs")).status_code == 401

    asyncio.run(story())


@pytest.mark.parametrize(
    ("found", "waits"), [("0001", f"is 0001, needs {NEWEST}"), ("0099", None), (NEWEST, None)]
)
async def test_an_older_schema_is_waited_for_and_a_newer_one_is_not(prepared, tmp_path, found, waits):
    url = await asyncio.to_thread(prepared, "training")
    await execute(url, f"UPDATE alembic_version SET version_num = '{found}'")
    app = service("training", tmp_path, url, migrate="never")
    async with app.router.lifespan_context(app), client(app) as http:
        assert (await http.get("/readyz")).json()["waits_for"].get("schema") == waits
    if found == "0099":
        await asyncio.to_thread(migrate.prepare, "millrace_training", url)
        assert await execute(url, "SELECT version_num FROM alembic_version") == "0099", "left as it is"


def test_one_command_prepares_all_databases_and_may_run_again(fresh, monkeypatch, capsys):
    for name in PACKAGES:
        monkeypatch.setenv(f"MILLRACE_{name.upper()}_DATABASE_URL", fresh())
    for _ in range(2):
        command(monkeypatch, *(f"millrace_{name}" for name in PACKAGES))
    said = capsys.readouterr().out
    assert said.count("made the database") == 5
    assert said.count("the schema is") == 10


@pytest.mark.slow
def test_replicas_that_prepare_at_once_do_it_once(fresh):
    environment = os.environ | {"MILLRACE_DATABASE_URL": fresh()}
    order = [sys.executable, "-m", "millrace_core.migrate", "millrace_registry"]
    running = [subprocess.Popen(order, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert "".join(said).count("made the database") == 1
    found = asyncio.run(
        execute(environment["MILLRACE_DATABASE_URL"], "SELECT version_num FROM alembic_version")
    )
    assert found == migrate.schema("millrace_registry").newest


def test_what_keeps_a_database_from_being_prepared_is_said(fresh, monkeypatch):
    monkeypatch.setenv("MILLRACE_DATABASE_URL", fresh())
    with pytest.raises(SystemExit, match="MILLRACE_REGISTRY_DATABASE_URL"):
        command(monkeypatch, "millrace_registry", "millrace_training")
    asyncio.run(execute(postgres(fresh()), "CREATE ROLE guest LOGIN"))
    with pytest.raises(SystemExit, match="guest may not make it"):
        migrate.prepare("millrace_registry", fresh("guest"))
    monkeypatch.setattr(migrate, "PATIENCE", 0.0)
    with pytest.raises(SystemExit, match="cannot be used"):
        migrate.prepare("millrace_registry", "postgresql+asyncpg://postgres@127.0.0.1:1/x")


def postgres(url):
    return re.sub(r"/millrace_\w+", "/postgres", url)


async def connect(url):
    parts = make_url(url)
    return await asyncpg.connect(host=parts.query["host"], user=parts.username, database=parts.database)


async def execute(url, statement):
    connection = await connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """A service of one route that locks a table."""
    monkeypatch.setitem(database.TIMEOUTS, "lock_timeout", "200ms")
    router = APIRouter()

    @router.post("/v1/rows", dependencies=[permit(PUBLIC)])
    async def write(session: Session) -> dict[str, str]:
        await session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        return {}

    @router.post("/v1/bug", dependencies=[permit(PUBLIC)])
    async def bug(session: Session) -> None:
        await session.execute(text("SELECT nothing FROM nowhere"))

    def make(url):
        settings = Settings(home=tmp_path, service="probe", database_url=url, migrate="never")
        return create_app(settings, "probe", [router], metadata_package="millrace_training")

    return make


async def begun(http):
    async with asyncio.timeout(20):
        while (await http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.02)


async def test_a_lock_that_is_not_had_in_time_is_503_and_a_wrong_statement_stays_500(prepared, probe):
    url = await asyncio.to_thread(prepared, "training")
    app = probe(url)
    other = await connect(url)
    async with app.router.lifespan_context(app), client(app) as http:
        await begun(http)
        async with other.transaction():
            await other.execute("LOCK TABLE alembic_version")
            answer = await http.post("/v1/rows")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await http.post("/v1/rows")).status_code == 200
        assert (await http.post("/v1/bug")).status_code == 500
    await other.close()


async def test_a_connection_that_is_cut_is_503_and_the_next_request_gets_another(prepared, probe):
    url = await asyncio.to_thread(prepared, "training")
    app = probe(url)
    async with app.router.lifespan_context(app), client(app) as http:
        await begun(http)
        other = await connect(url)
        await other.execute("BEGIN; LOCK TABLE alembic_version")
        async with asyncio.timeout(10):
            waiting = asyncio.create_task(http.post("/v1/rows"))
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not await execute(postgres(url), cut):
                await asyncio.sleep(0.01)
            assert (await waiting).status_code == 503
        await other.close()
        assert (await http.post("/v1/rows")).status_code == 200


async def test_a_database_that_is_away_is_503(tmp_path, probe):
    app = probe(f"postgresql+asyncpg://postgres@127.0.0.1:{free_port()}/x")
    async with app.router.lifespan_context(app), client(app) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        app.state.services.begun.set()
        assert (await http.post("/v1/rows")).status_code == 503


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


FIRST_IN_A_CLUSTER = {"controller": 4, "monitoring": 1, "registry": 2, "serving": 2, "training": 2}
"""Number of the last migration before a cluster could hold an older version of the service."""
SUBTRACTS = re.compile(r"\.(drop_column|drop_table|rename_table|alter_column|drop_constraint)\(")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_migration_only_adds(name):
    folder = Path(importlib.import_module(f"millrace_{name}").__file__).parent / "migrations" / "versions"
    for script in sorted(folder.glob("0*.py")):
        if int(script.name[:4]) > FIRST_IN_A_CLUSTER[name]:
            up = script.read_text().partition("def upgrade")[2].partition("def downgrade")[0]
            assert not SUBTRACTS.search(up), f"{script.name}: the version before could not go on"
            columns = re.findall(r"add_column\((?:\s*\"?\w+\"?,)?\s*(sa\.Column\(.*)", up)
            assert len(columns) == up.count("add_column("), script.name
            for column in columns:
                assert "nullable=True" in column or "server_default" in column, f"{script.name}: {column}"
