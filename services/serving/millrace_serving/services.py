"""What serving has at hand besides core's part: the data plane, a client of its gateway, and what movers share."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends

from millrace_core import services
from millrace_core.errors import Conflict
from millrace_serving.dataplane import DataPlane
from millrace_serving.lines import Lines
from millrace_serving.movement import Movement
from millrace_serving.revisions.standing import Standings
from millrace_serving.seen import Seen
from millrace_serving.settings import ServingSettings


@dataclass(frozen=True, kw_only=True)
class Services(services.Services):
    """Serving's services object."""

    settings: ServingSettings
    plane: DataPlane | None
    """None: only backtests are possible."""
    gateway: Lines
    """Sends requests through the gateway, as clients do."""
    movement: Movement
    measured: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a measurement was reported: a form may be faster than the one that serves."""
    seen: Seen = field(default_factory=Seen)
    standings: Standings = field(default_factory=Standings)

    def running(self) -> DataPlane:
        """The data plane. Raises: Conflict when there is none."""
        if self.plane is None:
            raise Conflict("This serving process runs without a data plane.")
        return self.plane


CurrentServices = Annotated[Services, Depends(services.provider(Services))]
