"""A graph from the registry, after checking that it belongs to the registered version."""

from collections.abc import AsyncIterator
from typing import Any

from millrace.client.transport import ApiError, AsyncApi
from millrace_serving.triton.repository import WrongBytes

GRAPH = "model.onnx"


async def release(registry: AsyncApi, project: str, model: str, version: int, digest: str) -> dict[str, Any]:
    """The registered version, whose graph has *digest*. Raises: WrongBytes if it has not, or does not exist."""
    try:
        found: dict[str, Any] = await registry.get(f"/v1/models/{model}/versions/{version}", project=project)
    except ApiError as error:
        if error.status == 404:
            raise WrongBytes(f"{model}/{version} is not registered") from error
        raise
    if (registered := found["files"].get(GRAPH)) != digest:
        raise WrongBytes(f"{model}/{version} was registered with {registered}")
    return found


def chunks(registry: AsyncApi, project: str, digest: str) -> AsyncIterator[bytes]:
    """The bytes of a graph; who reads them checks their digest."""
    return registry.stream(f"/v1/artifacts/{digest}", project=project)
