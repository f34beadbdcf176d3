"""Versions with their graph and baseline ready, or with the reason why they cannot be scored."""

from collections.abc import Awaitable
from dataclasses import replace

from millrace.transport.errors import ApiError
from millrace_contracts.monitors import ArchivedVersion
from millrace_core.errors import MillraceError
from millrace_monitoring.closing.versions import Version, version
from millrace_monitoring.services import Services


async def load(services: Services, project: str, item: ArchivedVersion) -> Version:
    """Load graph and baseline; what the registry does not have, or cannot run, makes the version *broken*."""
    bare = version(item)
    if item.files.find("model") is None:
        return replace(bare, broken="it has no graph")
    broken = await why_not(services.graphs.load(project, bare.digest("model")))
    bare = replace(bare, ready=services.graphs.held(bare.digest("model")))
    digest = item.files.find("baseline")
    if broken is None and digest is not None:
        broken = await why_not(services.baselines.read(project, digest))
    if broken is not None or digest is None:
        return replace(bare, broken=broken)
    return replace(bare, baseline=await services.baselines.read(project, digest))


async def why_not(loading: Awaitable[object]) -> str | None:
    """Why a file cannot be had, ever; None when it was loaded.

    Raises: httpx.TransportError or ApiError while the registry is away or busy; the pass then tries again.
    """
    try:
        await loading
    except ApiError as error:
        if error.status >= 500 or error.status in (401, 403, 408, 429):
            raise
        return str(error)
    except (ValueError, MillraceError) as error:
        return str(error)
    return None
