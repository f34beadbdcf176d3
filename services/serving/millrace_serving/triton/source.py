"""A graph from the registry, after checking that it belongs to the registered version."""

from collections.abc import AsyncIterator

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_contracts.models import ModelVersionRead
from millrace_contracts.variants import TargetName, variant_of
from millrace_serving.triton.repository import WrongBytes


async def release(
    clients: AsyncMillrace, project: str, model: str, version: int, digest: str, target: TargetName
) -> ModelVersionRead:
    """The registered version, whose graph for *target* has *digest*. Raises: WrongBytes if it has not, or is not."""
    try:
        registered = await clients.registry.version(model, version, project=project)
    except ApiError as error:
        if error.status == 404:
            raise WrongBytes(f"{model}/{version} is not registered") from error
        raise
    if (graph := registered.files.find("model", variant_of(target))) != digest:
        what = f"{graph} for {target}" if graph else f"nothing for {target}"
        raise WrongBytes(f"{model}/{version} was registered with {what}")
    return registered


def chunks(clients: AsyncMillrace, project: str, digest: str) -> AsyncIterator[bytes]:
    """The bytes of a graph; who reads them checks their digest."""
    return clients.registry.artifact_chunks(digest, project=project)
