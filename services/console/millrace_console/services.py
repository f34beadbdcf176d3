"""What the console has at hand besides core's part: who is signed in, and how each of them asks the other services."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from millrace_console.sessions import Sessions
from millrace_console.settings import ConsoleSettings
from millrace_core import services


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """The console's services object."""

    settings: ConsoleSettings
    people: Sessions


def make(core: services.Services) -> Services:
    """The console's own object out of core's part."""
    settings = core.settings
    assert isinstance(settings, ConsoleSettings)
    return Services(**vars(core) | {"people": Sessions(settings, core.clients.urls)})


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
