"""What the registry has at hand besides core's part: the bytes behind the facts."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_core import services
from millrace_core.storage import Store
from millrace_registry.settings import RegistrySettings


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The registry's services object."""

    settings: RegistrySettings
    store: Store
    inspecting: asyncio.Semaphore
    """Lets one inspection of a graph run at a time."""


def make(core: services.Services) -> Services:
    """The registry's own object out of core's part."""
    return Services(
        **vars(core),
        store=Store(core.settings.storage_url, core.settings.lasting),
        inspecting=asyncio.Semaphore(1),
    )


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
