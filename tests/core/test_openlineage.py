"""OpenLineage events: right by the specification, told in order, and never in the way of what they tell of."""

import json
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase
from tests.contract.openlineage.receiver import Receiver
from tests.contract.openlineage.schema import mistakes

from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource
from millrace_core import database
from millrace_core.openlineage import outbox, places, queries
from millrace_core.openlineage.events import Happened, Parent, Place, dataset, run_id
from millrace_core.openlineage.sending import sender
from millrace_core.openlineage.tables import LineageMixin
from millrace_core.settings import Settings

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Table(DeclarativeBase):
    metadata = database.metadata()


class LineageEvent(LineageMixin, Table):
    pass


def happened(move="COMPLETE", job="sales.train", **more):
    return Happened(
        move=move, at=AT, project="team-a", job=job, kind="train", run=uuid.UUID(int=7),
        parent=Parent(job="sales", run=run_id("team-a", "sales", 1)), nominal=AT,
        inputs=[dataset("sales", 3)], outputs=[Place(namespace="s3://lake", name="out", rows=5)], **more,
    )  # fmt: skip


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def settings(tmp_path, url, **more):
    return Settings(home=tmp_path, openlineage_url=url, **more)


@pytest.fixture
async def services(tmp_path, receiver):
    """The part of a service that notes and sends events."""
    engine = database.engine(f"sqlite+aiosqlite:///{tmp_path}/state.db")
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    made = SimpleNamespace(
        sessions=database.sessions(engine), readers=database.sessions(engine, read_only=True),
        settings=settings(tmp_path, receiver.url), known={},
    )  # fmt: skip
    await outbox.begin(made)
    yield made
    await engine.dispose()


async def tell(services, *events):
    async with services.sessions.begin() as session:
        await queries.note(session, LineageEvent, *events)


async def left(services):
    async with services.readers() as session:
        return await session.scalar(select(func.count()).select_from(LineageEvent))


async def send(services):
    return await outbox.send(services, LineageEvent, sender(services.settings))


def test_an_event_is_what_the_specification_says(tmp_path, receiver):
    sender(settings(tmp_path, receiver.url))(happened("FAIL", error="Out of memory"))
    assert receiver.wrong == []
    (event,) = receiver.events
    assert (event["eventType"], event["eventTime"]) == ("FAIL", "2026-01-02T03:04:05+00:00")
    assert event["job"] | {"facets": {}} == {
        "namespace": "millrace/team-a",
        "name": "sales.train",
        "facets": {},
    }
    assert event["inputs"][0] | {"facets": {}, "inputFacets": {}} == {
        "namespace": "millrace/team-a", "name": "sales", "facets": {}, "inputFacets": {},
    }  # fmt: skip
    assert event["inputs"][0]["facets"]["version"]["datasetVersion"] == "3"
    assert event["outputs"][0]["namespace"] == "s3://lake"
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert event["run"]["facets"]["errorMessage"]["message"] == "Out of memory"
    assert event["run"]["facets"]["parent"]["job"] == {
        "namespace": "millrace/team-a",
        "name": "sales",
        "facets": {},
    }
    assert receiver.keys == [None]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"eventType": "DONE"}, "DONE"),
        ({"run": {"runId": "seven"}}, "seven"),
        ({"job": {"namespace": "n"}}, "name"),
        ({"inputs": [{"name": "x"}]}, "namespace"),
        ({"eventTime": "yesterday"}, "yesterday"),
        ({"more": 1}, "more"),
    ],
)
def test_the_schema_of_the_tests_refuses_what_the_specification_does(tmp_path, receiver, change, named):
    sender(settings(tmp_path, receiver.url))(happened())
    (told,) = mistakes(receiver.events[0] | change)[:1]
    assert named in told


def test_a_key_is_shown_and_stands_in_no_url(tmp_path, receiver):
    sender(settings(tmp_path, receiver.url, openlineage_key="sesame"))(happened())
    assert receiver.keys == ["Bearer sesame"]
    with pytest.raises(ValidationError, match="openlineage_url"):
        settings(tmp_path, "http://me:secret@marquez.example")
    with pytest.raises(ValidationError, match="openlineage_url"):
        settings(tmp_path, "kafka://broker:9092/lineage")


def test_a_file_gets_a_line_for_each_event(tmp_path):
    emit = sender(settings(tmp_path, f"file://{tmp_path}/events.jsonl"))
    emit(happened("START"))
    emit(happened())
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["eventType"] for event in lines] == ["START", "COMPLETE"]
    assert [mistakes(event) for event in lines] == [[], []]


async def test_events_are_sent_in_order_and_then_gone(services, receiver):
    await tell(services, happened("START"), happened())
    await tell(services, happened("START", job="sales.score"))
    assert await send(services) == 3
    assert receiver.told() == [
        ("sales.train", "START"),
        ("sales.train", "COMPLETE"),
        ("sales.score", "START"),
    ]
    assert await left(services) == 0


async def test_an_event_of_a_transaction_that_failed_is_not_told(services):
    async with services.sessions() as session:
        await queries.note(session, LineageEvent, happened())
        await session.rollback()
    assert await left(services) == 0


async def test_a_receiver_that_is_away_loses_nothing_and_one_that_refuses_holds_up_nothing(
    services, receiver
):
    receiver.answer = 503
    await tell(services, happened("START"), happened())
    with pytest.raises(Exception, match="503"):
        await send(services)
    assert (await left(services), receiver.tries) == (2, 1)
    receiver.answer = 400
    await send(services)
    assert (await left(services), receiver.events) == (0, [])
    receiver.answer = None
    await tell(services, happened("START"))
    await send(services)
    assert receiver.told() == [("sales.train", "START")]


async def test_an_event_that_cannot_be_read_any_more_holds_up_nothing(services, receiver):
    """Another version of the service wrote it; tried for ever, it would keep back all that come after it."""
    async with services.sessions.begin() as session:
        session.add(LineageEvent(body={"move": "RESUME"}, recorded_at=AT))
    await tell(services, happened("START"))
    assert await send(services) == 2
    assert receiver.told() == [("sales.train", "START")]
    assert await left(services) == 0


async def test_while_nobody_listens_only_the_newest_are_kept(services, receiver, monkeypatch):
    monkeypatch.setattr(outbox, "KEPT", 3)
    receiver.close()
    await tell(services, *[happened(job=f"sales.{number}") for number in range(5)])
    with pytest.raises(Exception, match="refused"):
        await send(services)
    async with services.readers() as session:
        kept = (await session.scalars(select(LineageEvent).order_by(LineageEvent.number))).all()
    assert [row.body["job"] for row in kept] == ["sales.2", "sales.3", "sales.4"]


async def test_a_receiver_that_is_too_slow_fills_no_database(services, receiver, monkeypatch):
    monkeypatch.setattr(outbox, "KEPT", 3)
    monkeypatch.setattr(outbox, "BATCH", 2)
    await tell(services, *(happened(job=f"sales.{number}") for number in range(10)))
    assert await send(services) == 2
    assert await left(services) == 3
    assert await send(services) == 2
    assert [name for name, _ in receiver.told()] == ["sales.0", "sales.1", "sales.7", "sales.8"]


async def test_without_a_receiver_nothing_is_written(services, tmp_path):
    services.settings, services.known = settings(tmp_path, ""), {}
    services.sessions.configure(info={})
    await outbox.begin(services)
    await tell(services, happened())
    assert await left(services) == 0


def test_the_client_is_loaded_only_where_a_receiver_is_named():
    code = "import sys, millrace_training.main, millrace_controller.main; print('openlineage' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.parametrize(
    ("source", "namespace", "name"),
    [
        (
            {"sql": {"uri": "postgresql://reader@db.example/shop", "table": "sales"}},
            "postgres://db.example:5432",
            "shop.public.sales",
        ),
        (
            {"sql": {"uri": "postgres://db.example:6543/shop", "table": "eu.sales"}},
            "postgres://db.example:6543",
            "shop.eu.sales",
        ),
        ({"sql": {"uri": "sqlite:///var/shop.db", "table": "sales"}}, "file", "/var/shop.db/sales"),
        (
            {"sql": {"connection": {"env": "SHOP"}, "table": "sales"}},
            "secret://env/SHOP",
            "sales",
        ),
        ({"bucket": {"url": "s3://lake/2026/"}}, "s3://lake", "2026"),
        ({"bucket": {"url": "gs://lake"}}, "gs://lake", "/"),
        ({"bucket": {"url": "file:///data/in"}}, "file", "/data/in"),
        (
            {"http": {"url": "https://data.example/a.csv?day=1"}},
            "https://data.example",
            "a.csv",
        ),
    ],
)
def test_sources_are_named_as_other_tools_name_them_without_users_and_secrets(source, namespace, name):
    place = places.of_source(RowSource.model_validate(source))
    assert (place.namespace, place.name) == (namespace, name)


def test_sinks_are_named_likewise_with_their_rows():
    sink = Sink.model_validate({"sql": {"uri": "postgresql://w@db.example/shop", "table": "scored"}})
    assert places.of_sink(sink, 7) == Place(
        namespace="postgres://db.example:5432", name="shop.public.scored", rows=7
    )
    assert places.of_sink(Sink.model_validate({"path": "out/scores.csv"})).name == "out/scores.csv"
