"""What gates ask of a loop's task, in CEL."""

from millrace.crd_durations import Json, rule
from millrace_contracts.gates import METRICS


def gates_fit() -> list[Json]:
    """An absolute gate asks for a metric that the task's models have.

    A rule for each metric that a task lacks: a message that looks up which gate it was is too dear for an API server.
    """
    every = dict.fromkeys(metric for metrics in METRICS.values() for metric in metrics)
    return [
        rule(
            f"self.task != '{task}' || !has(self.gates) || !has(self.gates.absolute) || "
            f"self.gates.absolute.all(gate, gate.metric != '{metric}')",
            f"the gate on {metric} cannot be judged: {task} models have {', '.join(metrics)}",
        )
        for task, metrics in METRICS.items()
        for metric in every
        if metric not in metrics
    ]
