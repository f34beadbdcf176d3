"""What data jobs read from the registry and from monitoring, and leave in the registry."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from millrace.client import ApiError
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import (
    DatasetVersionRead,
    DatasetVersionWrite,
    QuarantineRead,
    QuarantineWrite,
    RowsOrigin,
)
from millrace_contracts.deliveries import FeedbackSource
from millrace_contracts.rows import DeliveryReport
from millrace_training.rows import files, repeats
from millrace_training.runtime.context import Context

Answer = TypeVar("Answer")


class Records:
    """Artifacts, dataset versions and quarantine of the job's project."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._registry = context.client.registry
        self._folder = context.scratch / "artifacts"

    def artifact(self, digest: str) -> bytes:
        """The bytes of an artifact, checked by the registry. Raises: ApiError 404."""
        return self._registry.get_artifact(digest)

    def file(self, digest: str, told: Callable[[int], None] = lambda size: None) -> Path:
        """The bytes of an artifact as a file, which stays as long as the job; *told* hears how many have come.

        Raises: ApiError 404.
        """
        self._folder.mkdir(exist_ok=True)
        path = self._folder / digest.removeprefix("sha256:")
        if not path.exists():
            coming = path.with_suffix(".coming")
            with coming.open("wb") as out:
                for chunk in self._registry.artifact_chunks(digest):
                    out.write(chunk)
                    told(out.tell())
            coming.replace(path)
        return path

    def keep(self, data: bytes | Path, media_type: str) -> str:
        """Store bytes, or a file; returns their digest."""
        return self._registry.put_artifact(data, media_type)

    def feedback(self, source: FeedbackSource) -> bytes:
        """Labelled production rows of closed days as Parquet. Raises: ApiError 404."""
        return self._client.monitoring.feedback(source.endpoint, source.since, source.until)

    def ensure_dataset(self, name: str) -> None:
        """Make the dataset if it is new; an old one keeps its description."""
        if _or_none(lambda: self._registry.dataset(name)) is None:
            self._registry.put_dataset(name)

    def latest(self, dataset: str) -> DatasetVersionRead | None:
        """The newest version, or None when there is none yet."""
        return _or_none(lambda: self._registry.dataset_version(dataset))

    def version(self, dataset: str, number: int) -> DatasetVersionRead:
        """One version. Raises: ApiError 404."""
        return self._registry.dataset_version(dataset, number)

    def versions(self, dataset: str) -> list[DatasetVersionRead]:
        """Every version, oldest first."""
        return self._registry.dataset_versions(dataset)

    def refused(self, dataset: str) -> list[QuarantineRead]:
        """Every delivery that was refused, oldest first."""
        return self._registry.quarantined(dataset)

    def rows(self, version: DatasetVersionRead) -> pa.Table:
        """The rows of a version; where its contract names a key, the last that came of each."""
        rows = files.from_parquet([self.artifact(file.digest) for file in version.files])
        return repeats.latest(
            rows, DataContract.model_validate(version.contract).key if version.contract else []
        )

    def add_version(self, dataset: str, body: DatasetVersionWrite) -> DatasetVersionRead:
        """The new version, or the one that holds this source already. Raises: ApiError 409 (parent is old)."""
        return self._registry.add_dataset_version(dataset, body)

    def entry(self, number: int) -> QuarantineRead:
        """A refused delivery with its report. Raises: ApiError 404."""
        return self._registry.refused(number)

    def quarantine(self, dataset: str, artifact: str, source: RowsOrigin, report: DeliveryReport) -> int:
        """Keep refused data with its report; returns the entry's id."""
        told = {"source": source.model_dump(mode="json"), "report": report.model_dump(mode="json")}
        return self._registry.quarantine(dataset, QuarantineWrite(artifact=artifact, **told)).id


def _or_none(ask: Callable[[], Answer]) -> Answer | None:
    """What *ask* returns, or None where the registry knows nothing of it."""
    try:
        return ask()
    except ApiError as error:
        if error.status != 404:
            raise
        return None
