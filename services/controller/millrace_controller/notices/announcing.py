"""Lets people be told of a loop, as it declares; monitoring tells them."""

import httpx

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.notices import Notify
from millrace_controller.services import Services
from millrace_controller.tables import Loop
from millrace_core.log import log


async def announce(services: Services, loop: Loop) -> bool:
    """Say once for each generation who is to be told; of a backtest nobody is. Returns whether that is done.

    A loop does not wait for it: while monitoring does not answer, the next pass says it again.
    """
    if loop.mode != "live":
        return True
    notify = loop.spec.notify or Notify()
    try:
        await services.clients.monitoring.subscribe(loop.name, notify, project=loop.project)
    except (ApiError, Busy, httpx.TransportError) as error:
        log.warning("who is told of a loop is said later", loop=loop.name, error=str(error)[:300])
        return False
    return True
