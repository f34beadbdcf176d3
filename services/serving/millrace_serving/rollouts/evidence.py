"""Fetch from monitoring what a rollout's revisions did in a span of event time."""

from datetime import datetime

import httpx

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.arms import ArmsRead
from millrace_core.errors import Unavailable
from millrace_serving.tables import Endpoint


async def arms(
    clients: AsyncMillrace, endpoint: Endpoint, since: datetime | None, until: datetime | None, slow_ms: float
) -> ArmsRead | None:
    """Counts by revision in [since, until); None when nothing watches the endpoint, or the span is empty.

    Raises: Unavailable when monitoring cannot answer now.
    """
    if since is not None and until is not None and until <= since:
        return None
    try:
        return await clients.monitoring.arms(
            endpoint.name, since, until, slow_ms=slow_ms, project=endpoint.project
        )
    except ApiError as error:
        if error.status == 404:
            return None
        raise Unavailable(f"Monitoring cannot tell how the rollout does ({error}).") from error
    except httpx.TransportError as error:
        raise Unavailable(f"Monitoring does not answer ({type(error).__name__}).") from error
