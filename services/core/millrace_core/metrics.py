"""Prometheus metrics that every service has: requests by route and status, and their duration."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest

from millrace_core.auth import permit

REQUESTS = Counter("millrace_http_requests_total", "Requests answered.", ["route", "method", "status"])
SECONDS = Histogram("millrace_http_request_seconds", "Seconds from request to answer.", ["route"])

router = APIRouter()


@router.get("/metrics", dependencies=[permit("metrics.read")], include_in_schema=False)
def metrics() -> Response:
    """All metrics of this process, for Prometheus."""
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)
