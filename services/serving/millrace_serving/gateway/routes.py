"""GET /v1/gateway: where inference requests go, and what the gateway has counted over all its lives."""

from fastapi import APIRouter

from millrace_contracts.endpoints import GatewayRead
from millrace_core.auth import permit
from millrace_serving.services import CurrentServices

router = APIRouter(prefix="/v1", tags=["gateway"])


@router.get("/gateway", dependencies=[permit("serving.gateway.read")], response_model=GatewayRead)
async def gateway(services: CurrentServices) -> GatewayRead:
    """The gateway's address and counters, read now."""
    plane = services.running()
    triton_restarts, envoy_restarts = await plane.restarts()
    return GatewayRead.model_validate(
        {
            **await plane.totals(),
            "inference_url": plane.inference_url,
            "gateways": await plane.gateways(),
            "triton_restarts": triton_restarts,
            "envoy_restarts": envoy_restarts,
            "accepted": plane.publisher.settled(),
            "problem": plane.problem,
        }
    )
