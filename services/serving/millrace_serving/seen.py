"""What training saw of each version's inputs, kept in memory by the digest of its baseline."""

import orjson

from millrace.aio import AsyncMillrace
from millrace.transport.errors import ApiError
from millrace_core.errors import Conflict, Unavailable
from millrace_stats.profiles import ProfileSpec

KEPT = 32
"""Versions whose record is kept in memory."""


class Seen:
    """The frozen bins of versions, by the digest of their baseline."""

    def __init__(self) -> None:
        self._specs: dict[str, ProfileSpec] = {}

    async def of(self, clients: AsyncMillrace, project: str, model: str, version: int) -> ProfileSpec:
        """What training saw of a version's inputs.

        Raises: Conflict if the version keeps no record of it; Unavailable if the registry does not answer.
        """
        try:
            digest = (await clients.registry.version(model, version, project=project)).baseline
            if digest is None:
                raise Conflict(f"Version {version} of {model} keeps no record of what training saw.")
            if digest not in self._specs:
                chunks = clients.registry.artifact_chunks(digest, project=project)
                spec = orjson.loads(b"".join([chunk async for chunk in chunks]))["profile"]
                self._keep(digest, ProfileSpec.from_dict(spec))
        except (ApiError, ValueError, KeyError) as error:
            raise Unavailable(f"What training saw cannot be read ({type(error).__name__}).") from error
        return self._specs[digest]

    def _keep(self, digest: str, spec: ProfileSpec) -> None:
        while len(self._specs) >= KEPT:
            del self._specs[next(iter(self._specs))]
        self._specs[digest] = spec
