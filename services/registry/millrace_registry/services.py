"""What the registry has at hand besides core's part: the bytes behind the facts."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_contracts.people import TokenStanding
from millrace_core import services
from millrace_core.database import Sessions, utcnow
from millrace_core.errors import NotFound
from millrace_core.personal import Ask, Personal
from millrace_core.storage import Store
from millrace_registry.settings import RegistrySettings
from millrace_registry.tokens import queries as tokens


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The registry's services object."""

    settings: RegistrySettings
    store: Store
    inspecting: asyncio.Semaphore
    """Lets one inspection of a graph run at a time."""


def make(core: services.Services) -> Services:
    """The registry's own object out of core's part."""
    core.tokens.personal = Personal(_asks(core.readers), seconds=0)
    return Services(**vars(core), store=Store(core.settings.storage_url), inspecting=asyncio.Semaphore(1))


def _asks(readers: Sessions) -> Ask:
    """The registry asks itself, each time."""

    async def ask(sha256: str) -> TokenStanding | None:
        async with readers() as session:
            try:
                return TokenStanding.model_validate(await tokens.standing(session, sha256, utcnow()))
            except NotFound:
                return None

    return ask


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
