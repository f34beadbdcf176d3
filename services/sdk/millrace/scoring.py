"""Scores files in batch: upload, answer every row with the version that serves, and bring the answers back."""

import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from millrace import attempts
from millrace.client import Millrace
from millrace_contracts.batches import GatherResult, GatherSpec
from millrace_contracts.data import DataContract
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.formats import format_of
from millrace_contracts.jobs import JobRead
from millrace_contracts.names import WrittenFormat
from millrace_contracts.scoring import LogTo, ScoredFile, ScoreResult, ScoreSpec
from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource


class NothingServes(Exception):
    """The loop has no version that could answer."""


class NoRows(Exception):
    """There is nothing to score."""


class Damaged(Exception):
    """A file that was fetched is not the one that was written."""


def spec_of(
    client: Millrace,
    loop: str,
    paths: Sequence[Path],
    output: WrittenFormat = "csv",
    *,
    source: RowSource | None = None,
    version: int | None = None,
    together: bool = False,
    keep: list[str] | None = None,
    sink: Sink | None = None,
    log: bool = False,
) -> ScoreSpec:
    """Upload *paths*, and what to ask of them: the version in production, unless another *version* is named.

    With a *source* its rows are scored instead, all there are now. With a *sink* the answers go there, and no file is
    kept by the platform; *log*: log them too, as the endpoint's own.

    Raises: ApiError, UnknownFormat; NothingServes before the first version is in production; NoRows.
    """
    formats = [format_of(path) for path in paths]
    endpoint = client.serving.endpoint(loop)
    number = version or endpoint.stable_version
    if number is None:
        raise NothingServes(f"{loop} serves no version yet.")
    contract = _contract(client, endpoint.model, number)
    files = [
        ArtifactSource(digest=client.registry.put_artifact(path), name=path.name, format=format)
        for path, format in zip(paths, formats, strict=True)
    ]
    return ScoreSpec(
        model=endpoint.model,
        version=number,
        variant=endpoint.variant_of(number),
        files=files if source is None else _gathered(client, loop, source),
        output=output,
        together=together,
        keep=keep,
        sink=sink,
        log=_log(endpoint, number, contract) if log else None,
        timezone=endpoint.timezone,
        dialect=None if contract is None else contract.dialect,
        rejects_at_most=0.01 if contract is None else contract.rejects_at_most,
    )


def _gathered(client: Millrace, loop: str, source: RowSource) -> list[ArtifactSource]:
    """The rows of a source, kept by the registry as they are now."""
    job = client.training.run(
        GatherSpec(loop=loop, source=source), f"{loop}/gather/{uuid.uuid4().hex}", loop=loop
    )
    files = GatherResult.model_validate(job.result).files
    if not files:
        raise NoRows("The source has no rows.")
    return files


def _log(endpoint: EndpointRead, number: int, contract: DataContract | None) -> LogTo:
    """Where the answers of a version are logged. Raises: NothingServes if the endpoint has no revision of it."""
    revision = endpoint.revision_of(number)
    if revision is None:
        raise NothingServes(f"{endpoint.name} has loaded no version {number} whose answers could be logged.")
    time = None if contract is None else contract.event_time
    return LogTo(
        endpoint=endpoint.name, revision=revision, event_time=time, at=None if time else datetime.now(UTC)
    )


def _contract(client: Millrace, model: str, number: int) -> DataContract | None:
    """What the data promised that the version has learnt from."""
    made = client.registry.version(model, number).lineage
    if made.dataset is None or made.dataset_version is None:
        return None
    kept = client.registry.dataset_version(made.dataset, made.dataset_version).contract
    return DataContract.model_validate(kept) if kept else None


def score(
    client: Millrace, loop: str, spec: ScoreSpec, progress: Callable[[JobRead], None] = lambda _: None
) -> ScoreResult:
    """Run the job, or take up the one that was asked for before: the same question is one job.

    One that failed or was cancelled is asked again. Raises: ApiError, JobFailed.
    """
    asked = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:32]
    job = attempts.submit(client, spec, f"{client.project}/{loop}/score/{asked}", loop)
    return ScoreResult.model_validate(client.training.wait(job.id, progress=progress).result)


def bring(client: Millrace, file: ScoredFile, path: Path) -> None:
    """Put a file of answers under *path*, all of it or none. Raises: ApiError; Damaged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with staged.open("wb") as out:
            for chunk in client.registry.artifact_chunks(file.digest):
                digest.update(chunk)
                out.write(chunk)
        if file.digest != f"sha256:{digest.hexdigest()}":
            raise Damaged(f"{path} came damaged; ask for it again.")
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)
