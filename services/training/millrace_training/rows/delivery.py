"""One delivery of data: an uploaded file, or what production has taught since the last time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from millrace_training.rows import files
from millrace_training.rows.records import Records
from millrace_training.rows.schemas import ArtifactSource, FeedbackSource, IngestSpec, iso


@dataclass(frozen=True)
class Delivery:
    """Bytes as they came, their format, and where they come from; *partial*: model inputs and target only."""

    data: bytes
    format: str
    source: dict[str, Any]
    partial: bool

    @property
    def is_empty_feedback(self) -> bool:
        """Whether production has nothing new to teach."""
        return self.partial and (not self.data or files.from_parquet([self.data]).num_rows == 0)


def fetch(spec: IngestSpec, records: Records) -> Delivery:
    """Get what the job is about. Raises: ApiError when there is no such artifact or endpoint."""
    if isinstance(spec.source, ArtifactSource):
        return _artifact(spec.source, records)
    return _feedback(spec, spec.source, records)


def _artifact(source: ArtifactSource, records: Records) -> Delivery:
    about = {
        "kind": source.origin,
        "name": source.name,
        "digest": source.digest,
        "since": None,
        "until": None,
    }
    return Delivery(records.artifact(source.digest), source.format, about, partial=False)


def _feedback(spec: IngestSpec, source: FeedbackSource, records: Records) -> Delivery:
    since = _continued(spec.dataset, source, records)
    data = records.feedback(source.endpoint, iso(since), iso(source.until))
    about = {
        "kind": "feedback",
        "name": source.endpoint,
        "digest": "sha256:" + hashlib.sha256(data).hexdigest(),
        "since": iso(since),
        "until": iso(source.until),
    }
    return Delivery(data, "parquet", about, partial=True)


def _continued(dataset: str, source: FeedbackSource, records: Records) -> datetime | None:
    """Where the last feedback ended, or *since* if that is later: no row is taken twice."""
    starts = [source.since]
    for version in records.versions(dataset):
        came = version["source"]
        if came["kind"] == "feedback" and came["name"] == source.endpoint and came["until"]:
            starts.append(datetime.fromisoformat(came["until"]))
    return max((moment for moment in starts if moment is not None), default=None)


def ended(source: dict[str, Any], table: pa.Table, event_time: str | None) -> dict[str, Any]:
    """The source with the end of its span: as asked, else just behind the last row."""
    if source["kind"] != "feedback" or source["until"] is not None or event_time is None:
        return source
    last: datetime = max(table.column(event_time).to_pylist())
    return source | {"until": iso(last + timedelta(microseconds=1))}
