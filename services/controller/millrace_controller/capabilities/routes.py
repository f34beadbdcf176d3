"""What the platform found, over HTTP."""

from fastapi import APIRouter

from millrace_contracts.capabilities import CapabilitiesRead
from millrace_controller.capabilities.finding import around
from millrace_controller.services import CurrentServices
from millrace_core.auth import permit

router = APIRouter(prefix="/v1/capabilities", tags=["capabilities"])


@router.get("", response_model=CapabilitiesRead, dependencies=[permit("controller.capabilities.read")])
async def get_capabilities(services: CurrentServices) -> CapabilitiesRead:
    """What was found around the platform, and whether it is used."""
    parts, platform = await around(services), services.settings.platform
    beneath = "job" if platform == "kubernetes" else "process"
    pipelines = "kubeflow" if parts["kubeflow_pipelines"].used else beneath
    return CapabilitiesRead.model_validate({"platform": platform, "pipelines": pipelines, **parts})
