"""Which columns matter: the loss that is added when a column's values are shuffled.

Source: permutation importance, Breiman (2001).
"""

from typing import Any

import numpy as np

from millrace_contracts.effects import Importance
from millrace_stats.tasks import Task
from millrace_training.features.frame import Frame
from millrace_training.graph.session import predict

ROWS = 2_000


def permutation(session: Any, task: Task, frame: Frame, target: np.ndarray, seed: int) -> list[Importance]:
    """Every column, most important first, on at most ROWS rows."""
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.choice(frame.rows, min(ROWS, frame.rows), replace=False))
    base, truth = frame.take(rows), target[rows]
    before = float(task.losses(truth, predict(session, base)).mean())
    added = []
    for column in frame.columns:
        values = base.values | {column.name: base.values[column.name][draw.permutation(base.rows)]}
        shuffled = Frame(base.columns, values, base.words, base.rows)
        after = float(task.losses(truth, predict(session, shuffled)).mean())
        added.append(Importance(column=column.name, loss_added=after - before))
    return sorted(added, key=lambda item: (-item.loss_added, item.column))
