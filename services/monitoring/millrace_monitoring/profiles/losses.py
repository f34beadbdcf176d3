"""Mean losses of a day."""

from dataclasses import dataclass

import numpy as np

from millrace_stats import weighted


@dataclass(frozen=True)
class DayLoss:
    """Mean loss over the rows that have a label and a finite prediction."""

    n: int
    loss: float


def of_day(losses: np.ndarray, weights: np.ndarray | None = None) -> DayLoss | None:
    """The mean, by *weights* of shape (rows,) if there are any, or None when no row has a loss."""
    if weights is not None:
        found = weighted.mean(losses, weights)
        return None if found is None else DayLoss(found.rows, found.mean)
    known = losses[np.isfinite(losses)]
    return DayLoss(len(known), float(np.mean(known))) if len(known) else None
