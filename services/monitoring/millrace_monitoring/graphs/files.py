"""Files of model versions by digest: fetched from the registry once, checked, and kept."""

from millrace.aio.registry import AsyncRegistry
from millrace_core.errors import NotFound
from millrace_core.storage import Store


class FetchedFiles:
    """Files of model versions; *store* keeps what the registry once gave."""

    def __init__(self, store: Store, registry: AsyncRegistry) -> None:
        self._store, self._registry = store, registry

    async def read(self, project: str, digest: str) -> bytes:
        """A file of the project's, its bytes checked against *digest*.

        Raises: ApiError, httpx.TransportError, Corrupt, BadInput.
        """
        try:
            return await self._store.read(digest)
        except NotFound:
            chunks = self._registry.artifact_chunks(digest, project=project)
            data = b"".join([part async for part in chunks])
            await self._store.put(data, expected=digest)
            return data
