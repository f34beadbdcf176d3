"""What data jobs read from the registry and from monitoring, and leave in the registry."""

from typing import Any

import pyarrow as pa

from millrace.client.transport import Api, ApiError
from millrace_training.rows import files
from millrace_training.runtime.context import Context

SECONDS = 600


class Records:
    """Artifacts, dataset versions and quarantine of the job's project."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._registry = context.client.registry

    def artifact(self, digest: str) -> bytes:
        """The bytes of an artifact, checked by the registry. Raises: ApiError 404."""
        return self._registry.get_artifact(digest)

    def keep(self, data: bytes, media_type: str) -> str:
        """Store bytes; returns their digest."""
        return self._registry.put_artifact(data, media_type)

    def feedback(self, endpoint: str, since: str | None, until: str | None) -> bytes:
        """Labelled production rows of closed days as Parquet. Raises: ApiError 404."""
        api = Api(self._client.urls["monitoring"], self._client.token, self._client.project, timeout=SECONDS)
        found: bytes = api.get(f"/v1/monitors/{endpoint}/feedback", since=since, until=until)
        return found

    def ensure_dataset(self, name: str) -> None:
        """Make the dataset if it is new; an old one keeps its description."""
        if _or_none(lambda: self._registry.dataset(name)) is None:
            self._registry.put_dataset(name)

    def latest(self, dataset: str) -> dict[str, Any] | None:
        """The newest version, or None when there is none yet."""
        return _or_none(lambda: self._registry.dataset_version(dataset))

    def version(self, dataset: str, number: int) -> dict[str, Any]:
        """One version. Raises: ApiError 404."""
        return self._registry.dataset_version(dataset, number)

    def versions(self, dataset: str) -> list[dict[str, Any]]:
        """Every version, oldest first."""
        return self._registry.dataset_versions(dataset)

    def rows(self, version: dict[str, Any]) -> pa.Table:
        """The rows of a version."""
        return files.from_parquet([self.artifact(file["digest"]) for file in version["files"]])

    def add_version(self, dataset: str, body: dict[str, Any]) -> dict[str, Any]:
        """The new version, or the one that holds this source already. Raises: ApiError 409 (parent is old)."""
        return self._registry.add_dataset_version(dataset, body)

    def quarantine(self, dataset: str, artifact: str, source: dict[str, Any], report: dict[str, Any]) -> int:
        """Keep refused data with its report; returns the entry's id."""
        return int(self._registry.quarantine(dataset, artifact, source, report)["id"])


def _or_none(ask: Any) -> dict[str, Any] | None:
    """What *ask* returns, or None where the registry knows nothing of it."""
    try:
        found: dict[str, Any] = ask()
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return found
