"""Prometheus metrics that every service has: requests by route and status, and their duration."""

import threading
from collections.abc import Callable
from functools import lru_cache
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

from fastapi import APIRouter, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Histogram,
    MetricsHandler,
    generate_latest,
)

from millrace_core.auth import permit
from millrace_core.settings import Settings

REQUESTS = Counter("millrace_http_requests_total", "Requests answered.", ["route", "method", "status"])
SECONDS = Histogram("millrace_http_request_seconds", "Seconds from request to answer.", ["route"])
LOOK_SECONDS = 0.2
"""How soon the metrics port sees that the service ends."""

router = APIRouter()


@lru_cache(4096)
def _of(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(route, method, str(status)), SECONDS.labels(route)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count one request that was answered."""
    count, duration = _of(route, method, status)
    count.inc()
    duration.observe(seconds)


@router.get("/metrics", dependencies=[permit("metrics.read")], include_in_schema=False)
def metrics() -> Response:
    """All metrics of this process, for Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


class _OnlyMetrics(MetricsHandler):
    """GET /metrics, and nothing else."""

    registry = REGISTRY
    timeout = 10

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/metrics":
            super().do_GET()
        else:
            self.send_error(404)


def expose(settings: Settings) -> Callable[[], None]:
    """Serve /metrics without a token on its own port, if one is set; returns how to end that."""
    if not settings.metrics_port:
        return lambda: None
    server = ThreadingHTTPServer((settings.host, settings.metrics_port), _OnlyMetrics)
    thread = threading.Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=2)

    return end
