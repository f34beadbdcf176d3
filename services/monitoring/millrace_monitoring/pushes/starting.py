"""At the start: labels that came before pushes were kept are brought in, and marked."""

from millrace_core.ledger.chain import TAKEN_OVER
from millrace_core.rights import acting
from millrace_monitoring.pushes import queries
from millrace_monitoring.services import Services


async def take_over(services: Services) -> None:
    """A start hook."""
    said = acting.set(TAKEN_OVER)
    try:
        done = False
        while not done:
            async with services.sessions.begin() as session:
                done = await queries.take_over(session)
    finally:
        acting.reset(said)
