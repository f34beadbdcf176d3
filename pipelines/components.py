"""The steps of a loop run. Each calls one service through the SDK, waits, passes on an id, and draws what was made.

Addresses and identity come from the environment of the step, never from parameters. Every call is idempotent by a
key, so a pipeline that was killed may simply be run again. What they draw is for Kubeflow Pipelines' console.
"""

from kfp import dsl

IMAGE = "docker.io/millrace/pipeline-runner:0.1.0"
"""Where a pipeline is submitted, the installation's own image takes its place."""
step = dsl.component(base_image=IMAGE, install_kfp_package=False)


@step
def ingest(project: str, loop: str, run: int, drift: dsl.Output[dsl.HTML]) -> int:
    """Add labelled production rows to the dataset; 0 if they were refused."""
    from millrace import steps

    made = steps.ingest(project, loop, run)
    with open(drift.path, "w") as page:
        page.write(made.drift)
    return made.version


@step
def validate(project: str, loop: str, run: int, dataset_version: int) -> bool:
    """Whether the dataset version may be trained on."""
    from millrace import steps

    return steps.validate(project, loop, run, dataset_version)


@step
def train(project: str, loop: str, run: int, dataset_version: int) -> str:
    """Search and fit; the id of the training job."""
    from millrace import steps

    return steps.train(project, loop, run, dataset_version)


@step
def evaluate(
    project: str,
    loop: str,
    run: int,
    dataset_version: int,
    train_job: str,
    holdout: dsl.Output[dsl.Metrics],
    roc: dsl.Output[dsl.ClassificationMetrics],
    report: dsl.Output[dsl.HTML],
) -> str:
    """Score candidate and champion on the same rows; the id of the evaluation job."""
    from millrace import steps

    made = steps.evaluate(project, loop, run, dataset_version, train_job)
    for name, value in made.metrics.items():
        holdout.log_metric(name, value)
    for point in made.roc:
        roc.log_roc_data_point(point.fpr, point.tpr, point.threshold)
    with open(report.path, "w") as page:
        page.write(made.report)
    return made.job


@step
def gate(
    project: str, loop: str, run: int, train_job: str, evaluate_job: str, gates: dsl.Output[dsl.Markdown]
) -> str:
    """The verdict: passed, failed or inconclusive."""
    from millrace import steps

    made = steps.gate(project, loop, run, train_job, evaluate_job)
    with open(gates.path, "w") as page:
        page.write(made.table)
    return made.verdict


@step
def compress(project: str, loop: str, run: int, dataset_version: int, train_job: str) -> str:
    """Make other forms of the model, like INT8; the id of the job, or nothing where none was needed."""
    from millrace import steps

    return steps.compress(project, loop, run, dataset_version, train_job)


@step
def register(
    project: str,
    loop: str,
    run: int,
    dataset_version: int,
    train_job: str,
    compress_job: str,
    model: dsl.Output[dsl.Model],
) -> int:
    """Register the release unit; its version."""
    from millrace import steps

    made = steps.register(project, loop, run, dataset_version, train_job, compress_job)
    model.uri = made.uri
    model.metadata.update(made.facts)
    return made.version


@step
def roll_out(project: str, loop: str, run: int, version: int):  # type: ignore[no-untyped-def]
    """Begin the rollout; the loop's clock goes on from here."""
    from millrace import steps

    steps.roll_out(project, loop, run, version)
