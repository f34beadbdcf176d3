"""GET /v1/gateway: where inference requests go, and what the gateway has counted over all its lives."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from millrace_core.auth import permit
from millrace_core.errors import Conflict

router = APIRouter(prefix="/v1", tags=["gateway"])


class GatewayRead(BaseModel):
    """The gateway; counts are totals over all its lives, written and dropped are prediction log records."""

    inference_url: str
    gateways: int = Field(description="Gateways that take requests now.")
    requests: int = Field(description="Requests answered to clients, errors included.")
    failed: int = Field(description="Of these, answered with 5xx.")
    logs_written: int
    logs_dropped: int
    mirrored: int = Field(description="Copies that reached a candidate.")
    mirrors_shed: int = Field(description="Copies left out because too many were under way.")
    shadow_logs_written: int
    shadow_logs_dropped: int
    log_errors: int = Field(description="Requests whose bodies could not be logged.")
    refused_configurations: int
    triton_restarts: int
    envoy_restarts: int
    accepted: bool = Field(description="Whether the gateway runs exactly what serving published.")
    problem: str | None = Field(
        description="What is wrong with gateways or revisions now; null if nothing is."
    )


@router.get("/gateway", dependencies=[permit("serving.gateway.read")], response_model=GatewayRead)
async def gateway(request: Request) -> dict[str, Any]:
    """The gateway's address and counters, read now."""
    plane = request.app.state.plane
    if plane is None:
        raise Conflict("This serving process runs without a data plane.")
    triton_restarts, envoy_restarts = await plane.restarts()
    return {
        **await plane.totals(),
        "inference_url": plane.inference_url,
        "gateways": await plane.gateways(),
        "triton_restarts": triton_restarts,
        "envoy_restarts": envoy_restarts,
        "accepted": plane.publisher.settled(),
        "problem": plane.problem,
    }
