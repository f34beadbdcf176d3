"""The steps of a loop run. Each calls services through the SDK, waits, passes on an id, and draws what was made.

They are as coarse as what people want to see apart: in Kubeflow Pipelines each costs two pods. Millrace is told of
their parts (ingest, validate, train, …) one by one. Addresses and identity come from the environment of the step, never
from parameters. Every call is idempotent by a key, so a pipeline that was killed may simply be run again. What they
draw is for Kubeflow Pipelines' console.
"""

from kfp import dsl

IMAGE = "docker.io/millrace/pipeline-runner:0.1.0"
"""Where a pipeline is submitted, the installation's own image takes its place."""
step = dsl.component(base_image=IMAGE, install_kfp_package=False)


@step
def data(project: str, loop: str, run: int, drift: dsl.Output[dsl.HTML]) -> int:
    """Add labelled production rows to the dataset and look whether it may be trained on; its version, 0 if not."""
    from millrace import steps

    made = steps.ingest(project, loop, run)
    with open(drift.path, "w") as page:
        page.write(made.drift)
    usable = made.version > 0 and steps.validate(project, loop, run, made.version)
    return made.version if usable else 0


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
    gates: dsl.Output[dsl.Markdown],
) -> str:
    """Score candidate and champion on the same rows, and judge them; passed, failed or inconclusive."""
    from millrace import steps

    made = steps.evaluate(project, loop, run, dataset_version, train_job)
    for name, value in made.metrics.items():
        holdout.log_metric(name, value)
    for point in made.roc:
        roc.log_roc_data_point(point.fpr, point.tpr, point.threshold)
    with open(report.path, "w") as page:
        page.write(made.report)
    judged = steps.gate(project, loop, run, train_job, made.job)
    with open(gates.path, "w") as page:
        page.write(judged.table)
    return judged.verdict


@step
def release(  # type: ignore[no-untyped-def]
    project: str, loop: str, run: int, dataset_version: int, train_job: str, model: dsl.Output[dsl.Model]
):
    """Make other forms of the model, register the release unit and begin its rollout; the loop's clock goes on."""
    from millrace import steps

    forms = steps.compress(project, loop, run, dataset_version, train_job)
    made = steps.register(project, loop, run, dataset_version, train_job, forms)
    model.uri = made.uri
    model.metadata.update(made.facts)
    steps.roll_out(project, loop, run, made.version)
