"""What was served cannot be rewritten unseen: each tampering by SQL is found and its row named."""

import pytest
from sqlalchemy import select, text

from millrace_core.ledger import checking, queries
from millrace_core.ledger import routes as ledger
from millrace_serving.revisions import queries as revisions
from millrace_serving.tables import LedgerRow

from .test_api import advance, backtest, candidate, client

__all__ = ["backtest", "client"]
"""Fixtures of the interface's tests."""
OF = "project=default, endpoint=flights, number="
TAMPERED = {
    "the version of a revision": ("UPDATE revisions SET version = 9 WHERE number = 1", f"revisions {OF}1"),
    "the graph of a revision": (
        "UPDATE revisions SET digest = (SELECT digest FROM revisions WHERE number = 2) WHERE number = 1",
        f"revisions {OF}1",
    ),
    "the form of a revision": ("UPDATE revisions SET target = 'cpu-int8' WHERE number = 2", f"revisions {OF}2"),
    "a revision removed": ("DELETE FROM revisions WHERE number = 2", f"revisions {OF}2"),
    "which revision answers": ("UPDATE endpoints SET stable = 2", "endpoints project=default, name=flights"),
    "the model behind it": ("UPDATE endpoints SET model = 'other'", "endpoints project=default, name=flights"),
    "the candidate of a rollout": ("UPDATE rollouts SET version = 1 WHERE number = 2", f"rollouts {OF}2"),
    "the revision of a rollout": ("UPDATE rollouts SET revision = 1 WHERE number = 2", f"rollouts {OF}2"),
    "the champion before it": ("UPDATE rollouts SET previous = NULL WHERE number = 2", f"rollouts {OF}2"),
    "how it ended": ("UPDATE rollouts SET state = 'aborted' WHERE number = 2", f"rollouts {OF}2"),
    "when it was rolled back": (
        "UPDATE changes SET event_time = '2012-01-01 00:00:00' WHERE id = 3",
        "changes id=3",
    ),
    "a change forged in": (
        "INSERT INTO changes SELECT 9, project, endpoint, 'forged', body_digest, kind, 2, reason, event_time, "
        "created_at FROM changes WHERE id = 3",
        "changes id=9",
    ),
    "an entry of the ledger": ("UPDATE ledger SET actor = 'eve' WHERE number = 2", "ledger entry 2"),
}  # fmt: skip


async def harmed(services, *statements):
    """Everything that a whole verification finds, as (row, problem), after *statements*, which are undone."""
    plan, cursor, found = checking.stages(LedgerRow), None, []
    async with services.readers() as session:
        for statement in statements:
            await session.execute(text(statement))
        while True:
            part = await checking.part(services, session, "serving", plan, cursor)
            found += [(item.row, item.problem) for item in part.findings]
            if part.next is None:
                await session.rollback()
                return found
            cursor = part.next


@pytest.fixture
def served(client, backtest):
    """An endpoint to which two versions were rolled out, and that went back to the first."""
    client.post(f"{backtest}/rollouts", json=candidate(1))
    assert client.get(f"{backtest}/rollouts/1", params={"wait": 5}).json()["state"] == "promoted"
    client.post(f"{backtest}/rollouts", json=candidate(2))
    for day in (1, 2, 3):
        advance(client, backtest, f"2013-03-0{day}T00:00:00Z")
    back = {"reason": "worse", "key": "k", "version": 1}
    assert client.post(f"{backtest}:rollback", json=back).json()["stable_version"] == 1
    return client


def found_by(client, *statements):
    return client.portal.call(harmed, client.app.state.services, *statements)


def test_what_was_served_is_not_rewritten_unseen_and_the_row_is_named(served):
    """Each in a transaction that is rolled back."""
    assert found_by(served) == []
    for harm, (statement, row) in TAMPERED.items():
        found = found_by(served, statement)
        assert [name for name, _ in found] == [row], (harm, found)
    assert found_by(served) == []


def test_everything_that_serving_itself_changes_is_entered(served, backtest):
    """Another form, what is kept loaded, a rollout that is aborted, an endpoint that is taken away and made anew."""
    assert served.post(f"{backtest}:retain", json={"versions": [1]}).status_code < 300
    served.post(f"{backtest}/rollouts", json=candidate(3))
    advance(served, backtest, "2013-03-05T00:00:00Z")
    assert served.post(f"{backtest}/rollouts/3:abort", json={"reason": "by hand"}).status_code < 300
    served.portal.call(_falls_back, served.app.state.services)
    assert found_by(served) == []
    assert served.delete(backtest).status_code == 204
    assert served.put(backtest, json={"model": "another", "mode": "backtest"}).status_code == 200
    assert found_by(served) == []
    rights = served.get("/v1/ledger:head", headers={"authorization": "Bearer viewer-token"})
    assert rights.json()["count"] > 10


async def _falls_back(services):
    async with services.sessions.begin() as session:
        endpoint = await revisions.get(session, "default", "flights")
        found = await revisions.revision(session, endpoint, 1)
        await revisions.fall_back(session, found, "It does not load.")
        await revisions.set_size(session, "default", found.digest, 100)


def test_what_was_served_before_there_was_a_ledger_is_brought_in(served):
    """As a database of the version before is: rows, and no ledger."""
    assert served.portal.call(_upgraded, served.app.state.services) == {
        "endpoint", "revision", "rollout", "stable-change",
    }  # fmt: skip
    assert found_by(served) == []
    statement, row = TAMPERED["the version of a revision"]
    assert [name for name, _ in found_by(served, statement)] == [row]


async def _upgraded(services):
    async with services.sessions.begin() as session:
        await session.execute(text("DELETE FROM ledger"))
    await ledger.begin(LedgerRow)(services)
    async with services.readers() as session:
        entries = await session.scalar(select(LedgerRow.number).order_by(LedgerRow.number.desc()).limit(1))
        assert entries == 1 + 2 + 2 + 3 + 4
        return set(await queries.taken_over(session, LedgerRow))
