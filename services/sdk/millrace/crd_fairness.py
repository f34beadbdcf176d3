"""What the validators of `fairness` and its gate say, again in CEL and in the same words."""

from millrace.crd_durations import Json, rule
from millrace_contracts import fairness
from millrace_contracts.fairness import FAIRNESS_METRICS, FairnessSpec, ProtectedAttribute

RULES: dict[str, list[Json]] = {
    ProtectedAttribute.__name__: [
        rule(
            "!has(self.edges) || (self.edges.isSorted() && "
            "self.edges.all(one, self.edges.exists_one(it, it == one)))",
            fairness.RISING,
        )
    ],
    FairnessSpec.__name__: [
        rule(
            "self.attributes.all(one, self.attributes.exists_one(it, it.column == one.column))",
            fairness.TWICE,
        )
    ],
}
"""By the model's name."""


def fits() -> list[Json]:
    """Attributes and gates that a task can have, in the words of `millrace_contracts.fairness.comparable`."""
    gated = "!has(self.gates) || !has(self.gates.fairness) || "
    every = dict.fromkeys(metric for metrics in FAIRNESS_METRICS.values() for metric in metrics)
    return [
        rule(f"has(self.fairness) || {gated}size(self.gates.fairness) == 0", fairness.NO_GROUPS),
        rule(
            "!has(self.fairness) || self.fairness.attributes.all(item, item.column != self.target)",
            fairness.TARGET,
        ),
        rule(
            "!has(self.fairness) || !has(self.fairness.favourable) || self.task != 'regression'",
            fairness.NO_CLASSES,
        ),
        rule(
            f"self.task != 'multiclass' || !has(self.fairness) || has(self.fairness.favourable) || {gated}"
            f"self.gates.fairness.all(gate, !(gate.metric in {[*fairness.OF_FAVOURABLE]}))",
            fairness.NO_FAVOURABLE,
        ),
        *(
            rule(
                f"self.task != '{task}' || {gated}self.gates.fairness.all(gate, gate.metric != '{metric}')",
                f"the fairness gate on {metric} cannot be judged: {task} models have {', '.join(metrics)}",
            )
            for task, metrics in FAIRNESS_METRICS.items()
            for metric in every
            if metric not in metrics
        ),
    ]
