"""What the console has at hand besides core's part: who is signed in, and how each of them asks the other services."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_console.sessions import Person, Sessions
from millrace_console.settings import ConsoleSettings
from millrace_console.signin.accounts import LocalAccounts
from millrace_console.signin.provider import Provider
from millrace_console.works import Works
from millrace_core import services


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The console's services object."""

    settings: ConsoleSettings
    people: Sessions
    accounts: LocalAccounts
    works: Works
    provider: Provider | None = None


def make(core: services.Services) -> Services:
    """The console's own object out of core's part."""
    settings = core.settings
    assert isinstance(settings, ConsoleSettings)
    accounts, works = LocalAccounts(settings), Works()
    provider = Provider(settings) if settings.oidc_issuer else None

    def stands(word: str) -> bool:
        return core.tokens.actor(word) is not None

    async def leave(person: Person) -> None:
        works.stop(person.csrf)
        await accounts.end_session(person.entry.word)
        if provider is not None and person.entry.renewal is not None:
            await provider.forget(person.entry.renewal)

    people = Sessions(settings, core.clients.urls, stands=stands, leave=leave)
    own = {"people": people, "accounts": accounts, "works": works, "provider": provider}
    return Services(**vars(core) | own)


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
