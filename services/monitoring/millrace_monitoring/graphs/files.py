"""Files of model versions by digest: fetched from the registry once, checked, and kept."""

from millrace.client.transport import AsyncApi
from millrace_core.errors import NotFound
from millrace_core.storage import Store


class Files:
    """Files of model versions; *store* keeps what the registry once gave."""

    def __init__(self, store: Store, registry: AsyncApi) -> None:
        self._store, self._registry = store, registry

    async def read(self, project: str, digest: str) -> bytes:
        """A file of the project's, its bytes checked against *digest*.

        Raises: ApiError, httpx.TransportError, Corrupt, BadInput.
        """
        try:
            return await self._store.read(digest)
        except NotFound:
            path = f"/v1/artifacts/{digest}"
            data = b"".join([part async for part in self._registry.stream(path, project=project)])
            await self._store.put(data, expected=digest)
            return data
