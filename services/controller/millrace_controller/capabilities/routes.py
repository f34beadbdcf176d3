"""What the platform found, over HTTP."""

from typing import Any

from fastapi import APIRouter, Request

from millrace_controller.capabilities.finding import around
from millrace_controller.capabilities.schemas import CapabilitiesRead
from millrace_core.auth import permit

router = APIRouter(prefix="/v1/capabilities", tags=["capabilities"])


@router.get("", response_model=CapabilitiesRead, dependencies=[permit("controller.capabilities.read")])
async def get_capabilities(request: Request) -> dict[str, Any]:
    """What was found around the platform, and whether it is used."""
    app = request.app
    found = await around(app)
    platform = app.state.settings.platform
    beneath = "job" if platform == "kubernetes" else "process"
    return {
        "platform": platform,
        "pipelines": "kubeflow" if found["kubeflow_pipelines"].used else beneath,
        **found,
    }
