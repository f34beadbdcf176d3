"""JSON of runs with all that they logged."""

from millrace_registry.mlflow.answers import Told
from millrace_registry.mlflow.inputs.schemas import RunInputs, RunOutputs
from millrace_registry.mlflow.runs.schemas import MetricTold, RunData, RunInfo


class RunTold(Told):
    """A run."""

    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs | None


class RunAnswer(Told):
    """One run."""

    run: RunTold


class RunInfoAnswer(Told):
    """One run's head."""

    run_info: RunInfo


class RunsFound(Told):
    """A page of runs."""

    runs: list[RunTold] | None = None
    next_page_token: str | None = None


class MetricsFound(Told):
    """Values of a metric in the order of time."""

    metrics: list[MetricTold] | None = None
    next_page_token: str | None = None
