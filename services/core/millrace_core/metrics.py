"""Prometheus metrics that every service has: requests by route and status, and their duration."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Histogram,
    generate_latest,
    start_http_server,
)

from millrace_core.auth import permit
from millrace_core.settings import Settings

REQUESTS = Counter("millrace_http_requests_total", "Requests answered.", ["route", "method", "status"])
SECONDS = Histogram("millrace_http_request_seconds", "Seconds from request to answer.", ["route"])

router = APIRouter()


@router.get("/metrics", dependencies=[permit("metrics.read")], include_in_schema=False)
def metrics() -> Response:
    """All metrics of this process, for Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def expose(settings: Settings) -> Callable[[], None]:
    """Serve /metrics without a token on its own port, if one is set; returns how to end that."""
    if not settings.metrics_port:
        return lambda: None
    server, thread = start_http_server(settings.metrics_port, addr=settings.host)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=2)

    return end
