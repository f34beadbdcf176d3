"""Rows that the first version of a service wrote mean the same after an upgrade: on SQLite and on PostgreSQL.

Each database is made by the first migrations alone and filled by SQL; then today's service starts on it, brings it to
its own schema, and is asked over its API. Nothing is downgraded (docs/decisions/a-migration-only-adds.md).
"""

import asyncio
import hashlib
import json

import httpx
import pytest
from sqlalchemy import MetaData, insert, text
from sqlalchemy.ext.asyncio import create_async_engine
from tests import postgresql as databases

from millrace_contracts.decisions import decision
from millrace_core import migrate
from millrace_registry.decisions.chain import GENESIS

from . import old_rows
from .old_rows import ALARM, AT, BACKTEST, DAY, DIGEST, OTHER, TOLD
from .test_postgresql import service

FIRST = "0001"


def fill(url, rows):
    """Insert *rows* by the tables that the database has, whatever today's service believes of them."""

    async def write():
        engine, found = create_async_engine(url), MetaData()
        async with engine.begin() as connection:
            await connection.run_sync(found.reflect)
            for table, items in rows.items():
                for item in items:
                    await connection.execute(insert(found.tables[table]).values(**item))
        await engine.dispose()

    asyncio.run(write())


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    return databases.create(request.getfixturevalue("postgresql"))


@pytest.fixture
def told(empty, tmp_path):
    """What today's service, begun on a database of its first version with these rows, answers to GETs."""
    (tmp_path / "run").mkdir()
    entry = {"name": "admin", "role": "admin", "sha256": hashlib.sha256(b"t").hexdigest()}
    (tmp_path / "run" / "tokens.json").write_text(json.dumps({"tokens": [entry]}))

    def ask(name, rows, *paths, first=FIRST):
        migrate.upgrade(f"millrace_{name}", empty, first)
        fill(empty, rows)
        return asyncio.run(_asked(service(name, tmp_path, empty), paths))

    return ask


async def _asked(app, paths):
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers={"authorization": "Bearer t"}
        ) as client,
    ):
        found = [await client.get(path) for path in paths]
    assert [answer.text for answer in found if answer.status_code != 200] == []
    return [answer.json() for answer in found]


def has(found, **expected):
    assert {name: found.get(name) for name in expected} == expected


def chained():
    """A decision in the chain, hashed as it is promised for ever: by hand, not by today's code."""
    said = decision(project="default", loop="sales", kind="run.opened", subject="run 1", outcome="opened",
                    event_time=AT, at=AT, author="controller", reason="it is time", evidence={"rows": 3})  # fmt: skip
    body = json.dumps(said.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    text = "\n".join((GENESIS, "1", AT.isoformat(), "controller", body))
    row = {
        "number": 1,
        "id": said.id,
        "project": "default",
        "loop": "sales",
        "kind": "run.opened",
        "event_time": AT,
    }
    hashed = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return row | {"run": said.run, "cause": said.cause, "body": body, "author_service": "controller"} | {
        "recorded_at": AT, "previous": GENESIS, "hash": hashed,
    }  # fmt: skip


def test_the_registry_reads_what_its_first_version_wrote(told):
    row = chained()
    version, dataset, (entry,), (move,), (alias,), run, chain, (said,), artifact = (
        item["items"] if isinstance(item, dict) and "items" in item else item
        for item in told(
            "registry", old_rows.REGISTRY | {"decisions": [row]},
            "/v1/models/sales/versions/1", "/v1/datasets/sales/versions/1", "/v1/datasets/sales/quarantine",
            "/v1/models/sales/aliases/champion/history", "/v1/models/sales/aliases", "/v1/runs/r1",
            "/v1/decisions:verify", "/v1/decisions?loop=sales", f"/v1/artifacts/{DIGEST}/facts",
        )
    )  # fmt: skip
    has(version, model="sales", number=1, digest=DIGEST, metrics={"rmse": 1.5}, variants=[], created_at=TOLD)
    assert version["lineage"].items() >= old_rows.VERSION["lineage"].items()
    has(version["signature"], task="regression", target="y")
    has(dataset, number=1, digest=DIGEST, rows=3, parent=None, index=None, created_at=TOLD)
    assert dataset["files"][0].items() >= old_rows.DATASET["files"][0].items()
    has(entry, artifact=OTHER, report={"failed": ["nulls"]}, state="waiting", settled_by="")
    has(move, version=1, previous=None, reason="it passed", actor="controller", recorded_at=TOLD)
    has(alias, name="champion", version=1)
    has(run, state="succeeded", params={"trials": 20}, metrics={"rmse": 1.5}, loop="sales", loop_run=1)
    has(chain, ok=True, count=1, head=row["hash"])
    has(said, id=row["id"], reason="it is time", evidence={"rows": 3})
    has(artifact, size=7, media_type="text/plain")


def test_training_reads_what_its_first_version_wrote(told):
    done, failed = told("training", old_rows.TRAINING, f"/v1/jobs/{'1' * 32}", f"/v1/jobs/{'2' * 32}")
    has(done, state="succeeded", result={"best": 0.5}, attempts=1, peak_rss_bytes=3_000_000_000, waiting=None)
    has(done, spec={"trials": 3}, loop="sales", loop_run=1, error=None, created_at=TOLD, ended_at=TOLD)
    has(done["limits"], memory_mb=1024)
    has(done["progress"], step="train", done=3, total=3)
    has(failed, state="failed", attempts=2, result=None)
    has(failed["error"], title="Out of memory", status=422, detail="too much")


def test_serving_reads_what_its_first_version_wrote(told):
    endpoint, rollout = told(
        "serving", old_rows.SERVING, "/v1/endpoints/sales", "/v1/endpoints/sales/rollouts/1"
    )
    has(
        endpoint,
        model="sales",
        mode="live",
        timezone="Europe/Berlin",
        stable=1,
        stable_version=7,
        event_time=TOLD,
    )
    first, second = endpoint["revisions"]
    has(first, number=1, version=7, state="ready")
    has(second, number=2, version=8, state="failed")
    has(rollout, state="promoted", revision=1, version=7, reason="it is the first")


def test_monitoring_reads_what_its_first_version_wrote(told):
    alarm, webhook = told("monitoring", old_rows.MONITORING, f"/v1/alarms/{ALARM}", "/v1/channels/ops")
    has(
        alarm,
        endpoint="sales",
        kind="drift",
        cause="drift:x",
        state="open",
        opened_day=DAY.isoformat(),
        count=2,
    )
    has(alarm, closed_day=None, reason="x has moved", evidence={"psi": 0.3}, acknowledged_by=None)
    has(webhook, name="ops", kind="webhook", to="https://hooks.example/1", tell=["alarms", "refused-data"])


def test_the_controller_reads_what_its_first_version_wrote(told):
    loop, first, second, backtest = told(
        "controller", old_rows.CONTROLLER,
        "/v1/loops/sales", "/v1/loops/sales/runs/1", "/v1/loops/sales/runs/2", f"/v1/backtests/{BACKTEST}",
    )  # fmt: skip
    has(
        loop,
        generation=3,
        champion=7,
        archive=[5, 6],
        phase="paused",
        settled_through=TOLD,
        owner=None,
        batch=None,
    )
    assert loop["document"]["spec"]["data"]["dataset"] == "sales"
    has(first, state="promoted", version=7, rollout=1, pipeline=None, queue=None, ended_at=TOLD)
    has(first["steps"]["train"], state="succeeded", job="1" * 32)
    has(second, state="failed", attempts=1, opened_at=TOLD)
    has(second["pipeline"], runner="process", pid=4_000_000, started=12.5)
    has(backtest, state="succeeded", result={"runs": 3}, loop="sales-b")


@pytest.mark.parametrize("name", ["registry", "training", "serving", "monitoring", "controller"])
def test_a_service_starts_again_on_a_database_that_has_everything(told, name):
    rows = getattr(old_rows, name.upper())
    assert told(name, {} if name == "controller" else rows, "/readyz", first="head")


def test_roles_that_were_taken_away_stay_so_and_the_version_before_goes_on_keeping_its_own(empty):
    lost = {"identifier": "ada", "role": "", "given": [], "seen_at": AT}
    migrate.upgrade("millrace_registry", empty, "0008")
    fill(empty, {"given_roles": [lost]})
    migrate.upgrade("millrace_registry", empty, "0009")
    fill(empty, {"given_roles": [lost | {"identifier": "eve"}]})

    async def kept():
        engine = create_async_engine(empty)
        async with engine.begin() as connection:
            rows = await connection.execute(text("SELECT identifier, kind, role FROM shown_roles"))
            found = rows.all()
        await engine.dispose()
        return found

    assert asyncio.run(kept()) == [("ada", "", "")]
