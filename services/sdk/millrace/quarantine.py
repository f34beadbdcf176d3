"""Takes a refused delivery after all, or drops it: the contract's change is a decision with its author."""

from collections.abc import Callable

from millrace import attempts
from millrace.client import Millrace
from millrace.delivery import ingest_spec
from millrace_contracts.datasets import QuarantineRead, QuarantineVerdict
from millrace_contracts.deliveries import QuarantinedSource
from millrace_contracts.jobs import JobRead
from millrace_contracts.loop import ModelLoop, Spec
from millrace_contracts.loops import LoopRead
from millrace_contracts.rows import IngestResult
from millrace_contracts.tables import Dialect


class NoLoop(Exception):
    """No loop learns from the dataset of a refused delivery."""


def accept(
    client: Millrace,
    entry: int,
    widen: bool,
    reason: str = "",
    progress: Callable[[JobRead], None] = lambda _: None,
) -> IngestResult:
    """Hold a refused delivery to the contract again, which is changed to take it if it may be widened.

    Refused again is no error: `accepted` is false. Raises: ApiError, JobFailed, NoLoop.
    """
    refused = client.registry.refused(entry)
    loop = _loop(client, refused.dataset)
    declared = ModelLoop.stored(loop.document).spec
    spec = ingest_spec(declared, QuarantinedSource(entry=entry)).model_copy(
        update={"dialect": _dialect(declared, refused)}
    )
    how = "widen" if widen else "as-it-is"
    key = f"{client.project}/{loop.name}/accept/{entry}/{how}/generation-{loop.generation}"
    job = attempts.submit(client, spec.model_copy(update={"widen": widen}), key, loop.name)
    done = client.training.wait(job.id, progress=progress)
    result = IngestResult.model_validate(done.result)
    if result.accepted:
        verdict = QuarantineVerdict(
            state="accepted", reason=reason, changes=result.changes, dataset_version=result.dataset_version
        )
        client.registry.settle(entry, verdict)
        client.controller.wake(loop.name)
    return result


def _dialect(spec: Spec, refused: QuarantineRead) -> Dialect | None:
    """How the loop's source is said to be written, if the delivery came from there."""
    source = spec.data.source
    if source is None or refused.source.get("kind") != ("file" if source.path is not None else "source"):
        return None
    return source.dialect


def drop(client: Millrace, entry: int, reason: str = "") -> QuarantineRead:
    """Say that a refused delivery is not wanted; its bytes stay until retention takes them. Raises: ApiError."""
    client.registry.settle(entry, QuarantineVerdict(state="dropped", reason=reason))
    settled = client.registry.refused(entry)
    for loop in client.controller.loops():
        if dataset_of(loop) == settled.dataset:
            client.controller.wake(loop.name)
    return settled


def dataset_of(loop: LoopRead) -> str:
    """The dataset that a loop learns from."""
    return str(loop.document["spec"]["data"]["dataset"])


def _loop(client: Millrace, dataset: str) -> LoopRead:
    for loop in client.controller.loops():
        if dataset_of(loop) == dataset:
            return loop
    raise NoLoop(f"No loop learns from {dataset}; declare one, or push the file again.")
