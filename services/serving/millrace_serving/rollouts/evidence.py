"""Fetch from monitoring what a rollout's revisions did in a span of event time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from millrace.client.transport import ApiError, AsyncApi
from millrace_core.errors import Unavailable
from millrace_serving.tables import Endpoint

LONGEST = 62
"""Most days for which mirrored rows are asked."""


async def arms(
    monitoring: AsyncApi, endpoint: Endpoint, since: datetime | None, until: datetime | None, slow_ms: float
) -> dict[str, Any]:
    """Counts by revision in [since, until); empty when nothing watches the endpoint.

    Raises: Unavailable when monitoring cannot answer now.
    """
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


def days(endpoint: Endpoint, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The calendar days of the endpoint's zone within [since, until), cut at its ends."""
    zone = ZoneInfo(endpoint.timezone)
    spans: list[tuple[datetime, datetime]] = []
    start = since
    while start < until and len(spans) < LONGEST:
        local = start.astimezone(zone)
        tomorrow = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
        end = min(tomorrow.replace(tzinfo=zone).astimezone(UTC), until)
        spans.append((start, end))
        start = end
    return spans
