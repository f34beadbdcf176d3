"""Mean losses of a day."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DayLoss:
    """Mean loss over the rows that have a label and a finite prediction."""

    n: int
    loss: float


def of_day(losses: np.ndarray) -> DayLoss | None:
    """The mean, or None when no row has a loss."""
    known = losses[np.isfinite(losses)]
    return DayLoss(len(known), float(np.mean(known))) if len(known) else None
