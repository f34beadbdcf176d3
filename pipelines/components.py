"""The steps of a loop run. Each calls one service through the SDK, waits, and passes on an id.

Addresses and tokens come from the environment of the step, never from parameters. Every call is idempotent by a
key, so a pipeline that was killed may simply be run again.
"""

from kfp import dsl

IMAGE = "ghcr.io/millrace/pipeline-runner:0.1.0"
step = dsl.component(base_image=IMAGE, install_kfp_package=False)


@step
def ingest(loop: str, run: int) -> int:
    """Add labelled production rows to the dataset; 0 if they were refused."""
    from millrace.steps import ingest

    return ingest(loop, run)


@step
def validate(loop: str, run: int, dataset_version: int) -> bool:
    """Whether the dataset version may be trained on."""
    from millrace.steps import validate

    return validate(loop, run, dataset_version)


@step
def train(loop: str, run: int, dataset_version: int) -> str:
    """Search and fit; the id of the training job."""
    from millrace.steps import train

    return train(loop, run, dataset_version)


@step
def evaluate(loop: str, run: int, dataset_version: int, train_job: str) -> str:
    """Score candidate and champion on the same rows; the id of the evaluation job."""
    from millrace.steps import evaluate

    return evaluate(loop, run, dataset_version, train_job)


@step
def gate(loop: str, run: int, train_job: str, evaluate_job: str) -> str:
    """The verdict: passed, failed or inconclusive."""
    from millrace.steps import gate

    return gate(loop, run, train_job, evaluate_job)


@step
def register(loop: str, run: int, dataset_version: int, train_job: str) -> int:
    """Register the release unit; its version."""
    from millrace.steps import register

    return register(loop, run, dataset_version, train_job)


@step
def roll_out(loop: str, run: int, version: int):  # type: ignore[no-untyped-def]
    """Begin the rollout; the loop's clock goes on from here."""
    from millrace.steps import roll_out

    roll_out(loop, run, version)
