"""A service tells the registry how far its ledger is: the registry's chain witnesses it, and its head is signed."""

from typing import Any

from millrace_contracts.audit import HeadWrite
from millrace_core.ledger import queries
from millrace_core.ledger.chain import Head
from millrace_core.reconcile import run_forever
from millrace_core.services import Services

SECONDS = 60.0


def tell_forever(ledger: Any) -> Any:
    """A background task for `create_app` that tells the head of *ledger* whenever it has moved."""

    async def task(services: Services) -> None:
        told = Head()

        async def once() -> None:
            nonlocal told
            async with services.readers() as session:
                head = await queries.head(session, ledger)
            if head != told:
                await services.clients.registry.tell_head(HeadWrite(count=head.number, head=head.hash))
                told = head

        await run_forever("ledger", once, every=SECONDS)

    return task
