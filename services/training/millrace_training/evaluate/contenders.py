"""What candidate and champion answer for rows that they had not seen: by an earlier graph, or out of fold."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from millrace_contracts.contenders import Contender
from millrace_contracts.release import Role
from millrace_stats.tasks import Task
from millrace_training.automl import oof
from millrace_training.automl.table import Table, midnight
from millrace_training.features.columns import columns_from_signature
from millrace_training.graph.session import open_session, predict
from millrace_training.rows.records import Records


@dataclass(frozen=True)
class Judges:
    """Reads a contender's files, and gives its answers as if its classes were those of the rows."""

    records: Records
    task: Task

    def session(self, model: Contender, role: Role) -> Any:
        """The graph of that role. Raises: KeyError if the release has none."""
        return open_session(self.records.artifact(model.files.digest(role)))

    def aligned(self, predicted: np.ndarray, model: Contender, table: Table) -> np.ndarray:
        theirs = table.classes if model.signature is None else tuple(model.signature.classes or ())
        return self.task.aligned(predicted, theirs, table.classes)

    def by_time(self, model: Contender, table: Table, zone: str) -> np.ndarray:
        """The champion's answers: from its newest graph that had not seen the row's day; NaN if both have."""
        assert table.days is not None
        answers = self.task.empty(table.frame.rows, table.classes)
        fresh = _from(table.days, model.trained_through, zone)
        before = _from(table.days, model.holdout_from, zone) & ~fresh
        roles: tuple[tuple[Role, np.ndarray], ...] = (("model", fresh), ("holdout", before))
        for role, here in roles:
            if here.any() and model.files.find(role) is not None:
                part = np.flatnonzero(here)
                predicted = predict(self.session(model, role), table.frame.take(part))
                answers[part] = self.aligned(predicted, model, table)
        return answers

    def out_of_fold(self, model: Contender, table: Table) -> np.ndarray:
        """A model's out-of-fold answer for each row; NaN for rows that it did not know."""
        stored = model.files.find("out-of-fold")
        if stored is None:
            return self.task.empty(table.frame.rows, table.classes)
        return self.aligned(oof.read(self.records.artifact(stored), _known(table, model)), model, table)

    def by_folds(self, model: Contender, table: Table) -> np.ndarray:
        """The champion's answers: out of fold, and by its graph for rows that it was not trained on."""
        answers = self.out_of_fold(model, table)
        stored = model.files.find("out-of-fold")
        seen = oof.holds(self.records.artifact(stored), _known(table, model)) if stored else False
        new = np.flatnonzero(~(self.task.known(answers) | seen))
        if len(new):
            predicted = predict(self.session(model, "model"), table.frame.take(new))
            answers[new] = self.aligned(predicted, model, table)
        return answers


def _known(table: Table, model: Contender) -> Table:
    """The rows as that model knew them: it may have taken numbers in other bits."""
    if model.signature is None:
        return table
    return replace(table, frame=table.frame.kept_as(columns_from_signature(model.signature)))


def _from(days: np.ndarray, moment: datetime | None, zone: str) -> np.ndarray:
    """Which rows lie on days that begin at or after *moment*; none if it is not known."""
    if moment is None:
        return np.zeros(len(days), bool)
    later = {int(day): midnight(int(day), zone) >= moment for day in np.unique(days)}
    return np.array([later[int(day)] for day in days])
