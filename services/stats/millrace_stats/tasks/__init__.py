"""Tasks: what kind of answer a model gives. One object a task, the only place that knows one task from another."""

from millrace_stats.tasks.binary import Binary
from millrace_stats.tasks.labels import Refusal, Value, class_text
from millrace_stats.tasks.multiclass import Multiclass
from millrace_stats.tasks.regression import Regression
from millrace_stats.tasks.task import (
    CONFIDENCE,
    PREDICTION,
    ClassReport,
    Floor,
    Objectives,
    Reduced,
    Task,
    TaskOutput,
)

__all__ = [
    "CONFIDENCE",
    "NAMES",
    "PREDICTION",
    "ClassReport",
    "Floor",
    "Objectives",
    "Reduced",
    "Refusal",
    "Task",
    "TaskOutput",
    "Value",
    "class_text",
    "of",
]

TASKS: dict[str, Task] = {task.name: task for task in (Regression(), Binary(), Multiclass())}
NAMES = tuple(TASKS)


def of(name: str) -> Task:
    """The task of this *name*. Raises: ValueError, naming the tasks that there are."""
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(NAMES)}")
    return TASKS[name]
