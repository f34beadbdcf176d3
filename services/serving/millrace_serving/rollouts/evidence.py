"""Fetch from monitoring what a rollout's revisions did in a span of event time."""

from datetime import datetime
from typing import Any

import httpx

from millrace.client.transport import ApiError, AsyncApi
from millrace_core.errors import Unavailable
from millrace_serving.tables import Endpoint


async def arms(
    monitoring: AsyncApi, endpoint: Endpoint, since: datetime | None, until: datetime | None, slow_ms: float
) -> dict[str, Any]:
    """Counts by revision in [since, until); empty when nothing watches the endpoint, or the span is empty.

    Raises: Unavailable when monitoring cannot answer now.
    """
    if since is not None and until is not None and until <= since:
        return {}
    span = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
    try:
        found: dict[str, Any] = await monitoring.get(
            f"/v1/monitors/{endpoint.name}/arms", project=endpoint.project, slow_ms=slow_ms, **span
        )
    except ApiError as error:
        if error.status == 404:
            return {}
        raise Unavailable(f"Monitoring cannot tell how the rollout does ({error}).") from error
    except httpx.TransportError as error:
        raise Unavailable(f"Monitoring does not answer ({type(error).__name__}).") from error
    return found
