"""Brings a file of rows into a loop's dataset: upload, hold to the contract, add a version or quarantine it."""

from collections.abc import Callable
from pathlib import Path

from millrace.client import Millrace
from millrace_contracts.formats import format_of
from millrace_contracts.jobs import JobRead, JobState
from millrace_contracts.loop import ModelLoop, Spec
from millrace_contracts.rows import ArtifactSource, IngestResult, IngestSpec


def push(
    client: Millrace, loop: str, path: Path, progress: Callable[[JobRead], None] = lambda _: None
) -> IngestResult:
    """Push a file to a loop's dataset and wake the loop; returns what became of it.

    Refused data is no error: `accepted` is false, and the report says why. The same file again is not added twice.

    Raises: ApiError, JobFailed, UnknownFormat.
    """
    declared = client.controller.loop(loop)
    spec = ModelLoop.model_validate(declared.document).spec
    format = format_of(path)
    digest = client.registry.put_artifact(path)
    source = ArtifactSource(kind="artifact", digest=digest, name=path.name, format=format)
    key = f"{client.project}/{loop}/push/{digest[7:39]}/generation-{declared.generation}"
    job = client.training.submit(ingest_spec(spec, source), key, loop=loop)
    done = client.training.wait(job.id, progress=progress)
    result = IngestResult.model_validate(done.result)
    if result.accepted and job.state == JobState.SUCCEEDED:  # the job of an earlier push of the same file
        result = result.model_copy(update={"unchanged": True, "new_rows": 0})
    client.controller.wake(loop)
    return result


def ingest_spec(spec: Spec, source: ArtifactSource) -> IngestSpec:
    """The ingest job of a loop's *spec* for one source."""
    return IngestSpec(
        dataset=spec.data.dataset,
        source=source,
        contract=spec.data.contract,
        target=spec.target,
        event_time=spec.data.event_time,
        timezone=spec.data.timezone,
    )
