"""Brings a file of rows into a loop's dataset: upload, hold to the contract, add a version or quarantine it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from millrace import attempts
from millrace.client import JobFailed, Millrace
from millrace_contracts.deliveries import ArtifactSource, QuarantinedSource
from millrace_contracts.formats import format_of
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.loop import ModelLoop, Spec
from millrace_contracts.loops import LoopRead
from millrace_contracts.rows import IngestResult, IngestSpec
from millrace_contracts.tables import Dialect


def push(
    client: Millrace,
    loop: str,
    path: Path,
    progress: Callable[[JobRead], None] = lambda _: None,
    dialect: Dialect | None = None,
) -> IngestResult:
    """Push a file to a loop's dataset and wake the loop; returns what became of it.

    *dialect*: what is known of how it is written, where the contract does not say it, or says otherwise.

    Refused data is no error: `accepted` is false, and the report says why. The same file again is not added twice.

    Raises: ApiError, JobFailed, UnknownFormat.
    """
    declared = client.controller.loop(loop)
    spec = ModelLoop.stored(declared.document).spec
    format = format_of(path)
    digest = client.registry.put_artifact(path)
    source = ArtifactSource(kind="artifact", digest=digest, name=path.name, format=format)
    key = key_of(client.project, declared, digest)
    asked = ingest_spec(spec, source).model_copy(update={"dialect": dialect})
    job = attempts.submit(client, asked, _said(key, dialect), loop)
    try:
        done = client.training.wait(job.id, progress=progress)
    except JobFailed:
        client.controller.wake(loop)  # which tells of the file that is kept in quarantine
        raise
    result = IngestResult.model_validate(done.result)
    if result.accepted and job.state == JobState.SUCCEEDED:  # the job of an earlier push of the same file
        result = result.model_copy(update={"unchanged": True, "new_rows": 0})
    client.controller.wake(loop)
    return result


def key_of(project: str, loop: LoopRead, digest: str) -> str:
    """By what a push of the same file to the same declaration is known."""
    return f"{project}/{loop.name}/push/{digest[7:39]}/generation-{loop.generation}"


def _said(key: str, dialect: Dialect | None) -> str:
    """The same file read in another way is another delivery."""
    if dialect is None:
        return key
    return f"{key}-{hashlib.sha256(dialect.model_dump_json().encode()).hexdigest()[:12]}"


def ingest_spec(spec: Spec, source: ArtifactSource | QuarantinedSource) -> IngestSpec:
    """The ingest job of a loop's *spec* for one source."""
    return IngestSpec(
        dataset=spec.data.dataset,
        source=source,
        contract=spec.data.contract,
        target=spec.target,
        event_time=spec.data.event_time,
        timezone=spec.data.timezone,
    )
