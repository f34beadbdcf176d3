"""What data jobs read from the registry and leave there."""

from typing import Any

import orjson
import pyarrow as pa

from millrace.client.transport import Api, ApiError
from millrace_training.data import files
from millrace_training.jobs.context import Context


class Records:
    """Artifacts, dataset versions and quarantine of one project."""

    def __init__(self, context: Context) -> None:
        client = context.client
        self._api = Api(client.urls["registry"], client.token, client.project, timeout=300)

    def artifact(self, digest: str) -> bytes:
        """The bytes of an artifact, checked by the registry."""
        found = self._api.get(f"/v1/artifacts/{digest}")
        return found if isinstance(found, bytes) else orjson.dumps(found)

    def keep(self, data: bytes, media_type: str) -> str:
        """Store bytes; returns their digest."""
        headers = {"content-type": media_type}
        made: dict[str, Any] = self._api.post("/v1/artifacts", content=data, headers=headers)
        return str(made["digest"])

    def dataset(self, name: str) -> None:
        """Make sure that the dataset is known."""
        try:
            self._api.get(f"/v1/datasets/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            self._api.put(f"/v1/datasets/{name}", json={"description": ""})

    def latest(self, dataset: str) -> dict[str, Any] | None:
        """The newest version, or None when there is none yet."""
        try:
            found: dict[str, Any] = self._api.get(f"/v1/datasets/{dataset}/versions/latest")
        except ApiError as error:
            if error.status != 404:
                raise
            return None
        return found

    def version(self, dataset: str, number: int) -> dict[str, Any]:
        """One version. Raises: ApiError 404."""
        found: dict[str, Any] = self._api.get(f"/v1/datasets/{dataset}/versions/{number}")
        return found

    def versions(self, dataset: str) -> list[dict[str, Any]]:
        """Every version."""
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self._api.get(f"/v1/datasets/{dataset}/versions", limit=1000, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def rows(self, version: dict[str, Any]) -> pa.Table:
        """The rows of a version."""
        return files.from_parquet([self.artifact(file["digest"]) for file in version["files"]])

    def add_version(self, dataset: str, body: dict[str, Any]) -> dict[str, Any]:
        """The new version, or the one that holds this source already. Raises: ApiError 409 (parent is old)."""
        made: dict[str, Any] = self._api.post(f"/v1/datasets/{dataset}/versions", json=body)
        return made

    def quarantine(self, dataset: str, body: dict[str, Any]) -> str:
        """Keep refused data with its report; returns the id."""
        made: dict[str, Any] = self._api.post(f"/v1/datasets/{dataset}/quarantine", json=body)
        return str(made["id"])


def feedback(context: Context, endpoint: str, since: str | None, until: str | None) -> bytes:
    """Labelled production rows of closed days as Parquet; empty bytes when there are none."""
    client = context.client
    api = Api(client.urls["monitoring"], client.token, client.project, timeout=300)
    found: bytes = api.get(f"/v1/monitors/{endpoint}/feedback", since=since, until=until)
    return found
