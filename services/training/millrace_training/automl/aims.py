"""What is to be learnt: the task with its classes, and what that means for an estimator."""

from collections.abc import Sequence
from dataclasses import dataclass

from millrace_contracts.learning import Params
from millrace_stats.tasks import Objectives, Task, Value
from millrace_training.export.links import Link

__all__ = ["Aim", "Params", "Sought"]


@dataclass(frozen=True)
class Sought:
    """What one estimator is fitted for: raw *scores* of a row, and the *link* from them to the answer."""

    objectives: Objectives
    scores: int

    @property
    def classifies(self) -> bool:
        return self.objectives.classifies

    @property
    def link(self) -> Link:
        """scikit-learn keeps one score for two classes also where a probability of each is asked for."""
        return "pair" if self.scores == 2 else self.objectives.link


@dataclass(frozen=True)
class Aim:
    """The *task*, and its classes in the order of the outputs; none for a regression."""

    task: Task
    classes: Sequence[Value] = ()

    @property
    def width(self) -> int:
        """Numbers in one prediction."""
        return self.task.width(self.classes)

    def scored(self, scores: int) -> Sought:
        """What an estimator of so many raw *scores* is told."""
        return Sought(self.task.objectives, scores)
