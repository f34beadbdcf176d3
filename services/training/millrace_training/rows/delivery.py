"""One delivery of data: an uploaded file, or what production has taught since the last time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from millrace_contracts.datasets import RowsOrigin
from millrace_contracts.deliveries import ArtifactSource, FeedbackSource, QuarantinedSource
from millrace_contracts.formats import format_of
from millrace_contracts.names import DataFormat
from millrace_contracts.rows import IngestSpec
from millrace_table.pieces import Rows
from millrace_training.rows import files
from millrace_training.rows.records import Records


@dataclass(frozen=True)
class Delivery:
    """Bytes as they came or the file that holds them, their format, and where they come from.

    partial: model inputs and target only. kept: the source's digest is that of an artifact with these bytes.
    """

    data: bytes | Path
    format: DataFormat
    source: RowsOrigin
    partial: bool = False
    kept: bool = False

    @property
    def is_empty_feedback(self) -> bool:
        """Whether production has nothing new to teach."""
        if not self.partial or isinstance(self.data, Path):
            return False
        return not self.data or files.from_parquet([self.data]).num_rows == 0


def fetch(spec: IngestSpec, records: Records, told: Callable[[int], None]) -> Delivery:
    """Get what the job is about; *told* hears how many bytes have come.

    Raises: ApiError when there is no such artifact or endpoint.
    """
    if isinstance(spec.source, ArtifactSource):
        return _artifact(spec.source, records, told)
    if isinstance(spec.source, QuarantinedSource):
        return _quarantined(spec.source, records, told)
    return _feedback(spec, spec.source, records)


def _artifact(source: ArtifactSource, records: Records, told: Callable[[int], None]) -> Delivery:
    about = RowsOrigin.of_artifact(source)
    kept = about.digest == source.digest
    return Delivery(records.file(source.digest, told), source.format, about, kept=kept)


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _quarantined(source: QuarantinedSource, records: Records, told: Callable[[int], None]) -> Delivery:
    entry = records.entry(source.entry)
    about = RowsOrigin.model_validate(entry.source)
    partial = about.kind == "feedback"
    format = "parquet" if partial else about.format or format_of(Path(about.name))
    data = records.artifact(entry.artifact) if partial else records.file(entry.artifact, told)
    return Delivery(data, format, about, partial)


def _feedback(spec: IngestSpec, source: FeedbackSource, records: Records) -> Delivery:
    asked = source.model_copy(update={"since": _continued(spec.dataset, source, records)})
    data = records.feedback(asked)
    digest = _digest(data)
    about = RowsOrigin(
        kind="feedback", name=asked.endpoint, digest=digest, since=asked.since, until=asked.until
    )
    return Delivery(data, "parquet", about, partial=True)


def _continued(dataset: str, source: FeedbackSource, records: Records) -> datetime | None:
    """Where the last feedback ended, or *since* if that is later: no row is taken twice."""
    came = [version.source for version in records.versions(dataset)]
    ends = [item.until for item in came if (item.kind, item.name) == ("feedback", source.endpoint)]
    return max((moment for moment in (source.since, *ends) if moment is not None), default=None)


def ended(source: RowsOrigin, rows: Rows, event_time: str | None) -> RowsOrigin:
    """The source with the end of its span: as asked, else just behind the last row."""
    if source.kind != "feedback" or source.until is not None or event_time is None or not rows.num_rows:
        return source
    last: datetime = max(rows.column(event_time).to_pylist())
    return source.model_copy(update={"until": last + timedelta(microseconds=1)})
