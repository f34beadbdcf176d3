"""One training: what was asked, the rows it has, and the work that may be handed to workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from millrace_contracts.learning import Configuration, TrainSpec
from millrace_contracts.parts import ALL
from millrace_contracts.signature import Input, Output, Signature
from millrace_stats import tasks
from millrace_training.automl.aims import Aim
from millrace_training.automl.fitting import CrossValidation, Fit, Fitted, Workplace
from millrace_training.automl.table import Table
from millrace_training.runtime.context import Context
from millrace_training.runtime.errors import JobError

FIT = "millrace_training.automl.fitting:fit"
CROSS_VALIDATE = "millrace_training.automl.fitting:cross_validate"
HOLDOUT_DAYS = 28
WHOLE = ALL
"""The window of all rows."""

FIT_OR_FOLDS = TypeVar("FIT_OR_FOLDS", Fit, CrossValidation)


@dataclass(frozen=True)
class Plan:
    """A training that is under way; the table's rows lie in *place*, where workers find them."""

    spec: TrainSpec
    context: Context
    table: Table
    aim: Aim
    place: Workplace

    @classmethod
    def of(cls, spec: TrainSpec, context: Context, table: Table) -> "Plan":
        """Lay out the rows for workers."""
        place = Workplace(Path(context.scratch))
        place.keep(table.frame, table.target, table.weight)
        return cls(spec, context, table, Aim(tasks.of(spec.task), table.classes), place)

    @property
    def signature(self) -> Signature:
        """What the graph takes and answers."""
        return Signature(
            inputs=[Input.model_validate(column.as_input()) for column in self.table.frame.columns],
            outputs=[
                Output(name=item.name, datatype=item.datatype, width=None if item.width == 1 else item.width)
                for item in self.aim.task.outputs(self.table.classes)
            ],
            task=self.spec.task,
            target=self.spec.target,
            classes=list(self.table.classes) or None,
            timezone=None if self.spec.timezone == "UTC" else self.spec.timezone,
            missing=[mark for mark in self.table.dialect.missing or [] if mark] or None,
            date_order=self.table.dialect.date_order,
        )

    def configurations(self) -> list[Configuration]:
        """What an earlier search found best, if this is a refit. Raises: JobError if nothing was given."""
        if self.spec.search != "refit":
            return []
        if not self.spec.configurations:
            detail = "A refit needs the configurations of an earlier search."
            raise JobError("Nothing to fit again", detail, "Send them, or choose search: full.")
        return list(self.spec.configurations)

    def fit(self, configuration: Configuration, name: str, train: str, predict: str | None = None) -> Fit:
        """The work of fitting on the rows *train* and predicting the rows *predict*."""
        return Fit(**self._common(configuration, name), train=train, predict=predict)

    def exported(self, work: Fit) -> Fit:
        """The same, and the graph."""
        return replace(work, signature=self.signature, scale=self.aim.task.scale(self.table.target))

    def cross_validation(
        self, configuration: Configuration, name: str, folds: str, only: Sequence[int] | None = None
    ) -> CrossValidation:
        """The work of predicting every row out of its fold."""
        chosen = None if only is None else tuple(only)
        return CrossValidation(**self._common(configuration, name), folds=folds, only=chosen)

    def timed(self, work: FIT_OR_FOLDS) -> FIT_OR_FOLDS:
        """The same, and a graph to be timed, if latency is an objective; it is not what a version gets."""
        return work if self.spec.latency is None else replace(work, signature=self.signature)

    def _common(self, configuration: Configuration, name: str) -> dict[str, Any]:
        return {
            "folder": str(self.place.folder),
            "out": str(self.place.folder / name),
            "configuration": configuration,
            "task": self.spec.task,
            "classes": self.table.classes,
            "zone": self.spec.timezone,
            "seed": self.spec.seed,
        }

    def run(self, step: str, works: Sequence[Fit]) -> Iterator[Fitted]:
        """Do the work on all granted CPUs, telling how far it is."""
        for number, result in enumerate(self.context.map(FIT, works, self.spec.executor)):
            self.context.report(step, number + 1, len(works), f"fitted in {result.seconds:.1f} s")
            yield result

    def mean_loss(self, rows: np.ndarray, predicted: np.ndarray) -> float:
        """The mean loss of predictions of these rows."""
        return float(self.aim.task.losses(self.table.target[rows], predicted).mean())
