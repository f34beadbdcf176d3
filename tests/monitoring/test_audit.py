"""Labels and closed days cannot be rewritten unseen, and one request tells everything that is kept of it."""

import numpy as np
import pytest
from sqlalchemy import text

from millrace_core.errors import NotFound
from millrace_core.ledger import checking
from millrace_core.ledger import routes as ledger
from millrace_core.ledger.queries import taken_over
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.pushes import bodies, queries, starting
from millrace_monitoring.pushes.checks import STAGES
from millrace_monitoring.pushes.tables import LedgerRow
from millrace_monitoring.retention import controller as retention

from .flowers import KINDS, flower_monitor
from .flowers import version as flower_version
from .sales import START, monitor, rows_of, table_of_day

ROW = "labels project=default, endpoint=sales, request_id={}, index=0"


async def audit(services, session):
    """Everything that a whole verification finds, as (row, problem)."""
    plan, cursor, found = checking.stages(LedgerRow, STAGES), None, []
    while True:
        part = await checking.part(services, session, "monitoring", plan, cursor)
        found += [(item.row, item.problem) for item in part.findings]
        if part.next is None:
            return found
        cursor = part.next


@pytest.fixture
async def labelled(service):
    """Two days of rows and labels; the first is closed, and one of its labels was corrected."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in (0, 1):
        features, sold = table_of_day(number)
        await service.rows(number, features, sold)
        await service.labels(number, sold)
    first = rows_of(0, features, sold, START, "sales--r1", 20)[0]["request_id"]
    later = {"request_id": first, "index": 0, "value": 7.0, "at": "2024-04-01T00:00:00Z"}
    await service.call("POST", "/v1/monitors/sales/labels", json={"labels": [later]})
    await service.closed(1)
    return service, first


TAMPERED = {
    "a label's value": ("UPDATE labels SET value = 99 WHERE request_id = :id AND \"index\" = 0", ROW),
    "a label's time": ("UPDATE labels SET at = '2024-03-09 00:00:00' WHERE request_id = :id AND \"index\" = 0", ROW),
    "a label's author": ("UPDATE labels SET author = 'eve' WHERE request_id = :id AND \"index\" = 0", ROW),
    "a label removed": ("DELETE FROM labels WHERE request_id = :id AND \"index\" = 0", ROW),
    "a correction taken back": (
        "UPDATE labels SET value = {first}, at = '{at}', push = 1 "
        "WHERE request_id = :id AND \"index\" = 0",
        ROW,
    ),
    "a label forged in": (
        "INSERT INTO labels (project, endpoint, request_id, \"index\", value, at, push) "
        "SELECT project, endpoint, 'forged', 0, value, at, push FROM labels WHERE request_id = :id AND \"index\" = 0",
        ROW.replace("{}", "forged"),
    ),
    "a label of no push": (
        "INSERT INTO labels (project, endpoint, request_id, \"index\", value, at) "
        "SELECT project, endpoint, 'forged', 0, value, at FROM labels WHERE request_id = :id AND \"index\" = 0",
        ROW.replace("{}", "forged"),
    ),
    "a push": ("UPDATE label_pushes SET body = x'00' WHERE number = 1", "label_pushes number=1"),
    "a push removed": ("DELETE FROM label_pushes WHERE number = 2", "label_pushes number=2"),
    "a closed day": ("UPDATE closings SET labelled = labelled + 1", "closings seq=1"),
    "the rows of a closed day": ("UPDATE closings SET digest = 'sha256:' || digest", "closings seq=1"),
}  # fmt: skip


async def test_every_kind_of_tampering_with_labels_and_days_is_found_and_its_row_named(labelled):
    """Each in a transaction that is rolled back."""
    service, first = labelled
    services = service.app.state.services
    async with services.sessions() as session:
        assert await audit(services, session) == []
        body = (await session.execute(text("SELECT body FROM label_pushes WHERE number = 1"))).scalar_one()
        value, at, _ = bodies.load(body)[first, 0]
        await session.rollback()
    for harm, (statement, row) in TAMPERED.items():
        async with services.sessions() as session:
            done = statement.format(first=value, at=f"{at:%Y-%m-%d %H:%M:%S.%f}")
            await session.execute(text(done), {"id": first} if ":id" in done else {})
            found = await audit(services, session)
            assert row.format(first) in [name for name, _ in found], (harm, found)
            await session.rollback()


NEW_CLASSES = {
    "another name": ("UPDATE new_classes SET name = 'aster' WHERE number = 1", 1),
    "another number": ("UPDATE new_classes SET number = -number", -1),
    "a name removed": ("DELETE FROM new_classes WHERE number = 2", 2),
    "a name forged in": ("INSERT INTO new_classes VALUES ('default', 'sales', 3, 'orchid')", 3),
}


async def test_names_of_new_classes_are_not_rewritten_unseen_and_go_with_their_monitor(service):
    """Labels have a number in the place of such a name: another name would be another truth."""
    guess = {"name": "kind", "type": "string", "allowed": KINDS, "unknown_at_most": 0.05, "guessed": True}
    await service.declare(flower_monitor(flower_version(service.registry, 1), promise=guess))
    sent = [
        {"request_id": kind, "value": kind, "at": START.isoformat()} for kind in ("iris", "lily", "thyme")
    ]
    await service.call("POST", "/v1/monitors/sales/labels", json={"labels": sent})
    services = service.app.state.services
    async with services.sessions() as session:
        assert await audit(services, session) == []
        await session.rollback()
    for harm, (statement, number) in NEW_CLASSES.items():
        async with services.sessions() as session:
            await session.execute(text(statement))
            named = [name for name, _ in await audit(services, session)]
            assert f"new_classes project=default, endpoint=sales, number={number}" in named, (harm, named)
            await session.rollback()
    await service.call("DELETE", "/v1/monitors/sales", expect=204)
    async with services.readers() as session:
        assert await audit(services, session) == []


async def test_labels_of_a_version_before_are_brought_in_and_what_is_stays_if_the_process_ends(
    labelled, monkeypatch
):
    """An upgrade with millions of labels takes longer than a pod is given to start: the next one goes on."""
    service, _ = labelled
    services = service.app.state.services
    monkeypatch.setattr(queries, "MANY", 15)
    async with services.sessions.begin() as session:
        for statement in ("UPDATE labels SET push = NULL", "DELETE FROM label_pushes", "DELETE FROM ledger"):
            await session.execute(text(statement))
        every = (await session.execute(text("SELECT count(*) FROM labels"))).scalar_one()
    async with services.sessions.begin() as session:
        assert await queries.take_over(session) is False
    async with services.readers() as session:
        left = (await session.execute(text("SELECT count(*) FROM labels WHERE push IS NULL"))).scalar_one()
        assert left == every - 15
    await ledger.begin(LedgerRow)(services)
    await starting.take_over(services)
    async with services.readers() as session:
        assert await audit(services, session) == []
        assert (await session.execute(text("SELECT sum(rows) FROM label_pushes"))).scalar_one() == every
        assert "label-rows" in await taken_over(session, LedgerRow)


async def test_labels_that_the_policy_removes_are_missed_by_nobody(labelled):
    service, _ = labelled
    services = service.app.state.services
    async with services.sessions.begin() as session:
        assert await labels.remove_before(session, "default", "sales", START.replace(month=4, day=2)) > 100
    async with services.readers() as session:
        assert await audit(services, session) == []


async def test_pushes_go_with_the_last_of_their_labels_and_no_verification_misses_them(labelled, monkeypatch):
    """The first push of the first day had a label corrected by a later one, which is younger: that one stays."""
    service, _ = labelled
    services = service.app.state.services
    monkeypatch.setattr(queries, "TRIMMED", 1)
    count = text("SELECT number FROM label_pushes ORDER BY number")
    async with services.readers() as session:
        (monitored,) = await monitors.every(session)
        before = list((await session.execute(count)).scalars())
    horizon = START.replace(month=4, day=1)
    async with services.sessions.begin() as session:
        await labels.remove_before(session, "default", "sales", horizon)
    await retention._trim(services, monitored, horizon)
    async with services.readers() as session:
        assert list((await session.execute(count)).scalars()) == before[-1:]
        assert await audit(services, session) == []
    async with services.sessions() as session:
        await session.execute(text("DELETE FROM label_pushes"))
        assert any("label_pushes" in row for row, _ in await audit(services, session)), (
            "no policy removed that one"
        )
        await session.rollback()


async def test_a_request_whose_rows_move_meanwhile_is_not_told_to_be_unknown(labelled, monkeypatch):
    service, request = labelled
    store, moved = service.app.state.services.store, []
    read = type(store).read

    async def merged(self, digest):
        if len(moved) < times:
            moved.append(digest)
            raise NotFound(f"There is no artifact {digest}.")
        return await read(self, digest)

    monkeypatch.setattr(type(store), "read", merged)
    times = 1
    told = await service.call("GET", f"/v1/monitors/sales/requests/{request}")
    assert told["request_id"] == request
    times = 100
    away = await service.call("GET", f"/v1/monitors/sales/requests/{request}", expect=503)
    assert "Ask again" in away.json()["detail"]


async def test_a_request_tells_its_rows_answers_labels_and_who_pushed_them(labelled):
    service, first = labelled
    found = await service.call("GET", f"/v1/monitors/sales/requests/{first}")
    row = found["rows"][0]
    assert (row["revision"], row["index"], row["closed_day"]) == ("sales--r1", 0, "2024-03-01")
    assert set(row["features"]) == {"price", "shop_name"}, "by data column"
    assert np.isfinite(row["answer"])
    assert (row["label"]["value"], row["label"]["pushed_by"]) == (7.0, "user:admin")
    assert len(found["rows"]) == 20
    await service.call("GET", "/v1/monitors/sales/requests/nobody", 404)
