"""What was declared and approved cannot be rewritten unseen: each tampering by SQL is found and its row named."""

from sqlalchemy import text

from millrace_controller.tables import LedgerRow
from millrace_core.ledger import checking, queries

from .conftest import running
from .people import People, approved, introduce

TAMPERED = {
    "a loop's document": (
        'UPDATE loops SET document = replace(document, \'"target": "y"\', \'"target": "z"\')',
        "loops id=1",
    ),
    "who declared it": ("UPDATE loops SET declared_by = 'bob'", "loops id=1"),
    "by what they are known": ("UPDATE loops SET declared_by_id = 'https://id.example#7'", "loops id=1"),
    "an approval's person": (
        "UPDATE approvals SET person = 'bob'",
        "approvals loop_id=1, run=1, key=ada, verdict=approved",
    ),
    "an approval removed": ("DELETE FROM approvals", "approvals loop_id=1, run=1, key=ada, verdict=approved"),
    "an approval forged in": (
        "INSERT INTO approvals SELECT loop_id, run, 'bob', verdict, 'bob', author, reason, digest, at FROM approvals",
        "approvals loop_id=1, run=1, key=bob, verdict=approved",
    ),
    "the ledger's end": (
        "DELETE FROM ledger WHERE number = (SELECT max(number) FROM ledger)",
        "approvals loop_id=1, run=1, key=ada, verdict=approved",
    ),
}


async def audit(services, session):
    """Everything that a whole verification finds, as (row, problem)."""
    plan, cursor, found = checking.stages(LedgerRow), None, []
    while True:
        part = await checking.part(services, session, "controller", plan, cursor)
        found += [(item.row, item.problem) for item in part.findings]
        if part.next is None:
            return found
        cursor = part.next


async def test_every_kind_of_tampering_with_loops_and_approvals_is_found(home, world, still):
    """Each in a transaction that is rolled back."""
    introduce(home)
    async with running(home, world) as platform:
        world.add_data("sales", 1000)
        people = People(platform)
        await people.apply("eve", approved())
        await platform.rest()
        await people.approve("ada", (await people.waits())["number"])
        services = platform.services
        async with services.readers() as session:
            assert await audit(services, session) == []
            said = [link.entry for link in await queries.links(session, LedgerRow, 0, 1000)]
            await session.rollback()
        assert next(entry.actor for entry in said if entry.kind == "loop").startswith("user:eve")
        assert next(entry.actor for entry in said if entry.kind == "approval").startswith("user:ada")
        for harm, (statement, row) in TAMPERED.items():
            async with services.readers() as session:
                await session.execute(text(statement))
                found = await audit(services, session)
                assert row in [name for name, _ in found], (harm, found)
                await session.rollback()
        await platform.rest()
        async with services.readers() as session:
            assert await audit(services, session) == []
