"""The registry asks itself what a token opens, each time anew; every other service asks the registry."""

from millrace_contracts.people import TokenStanding
from millrace_core.database import utcnow
from millrace_core.errors import NotFound
from millrace_core.personal import Personal
from millrace_registry.services import Services
from millrace_registry.tokens import given, queries


async def begin(services: Services) -> None:
    """A start hook."""

    async def ask(sha256: str) -> TokenStanding | None:
        async with services.readers() as session:
            try:
                return await given.standing(session, sha256, utcnow())
            except NotFound:
                return None

    async def roleless(identifier: str, kind: str) -> None:
        async with services.sessions.begin() as session:
            await queries.note_given(session, identifier, kind, "", [], utcnow())

    services.tokens.personal = Personal(ask, seconds=0)
    services.tokens.roleless = roleless
