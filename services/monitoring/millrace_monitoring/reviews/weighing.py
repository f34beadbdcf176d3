"""What people's labels say of all rows of a day: inverse probability weights from the chances of the entries.

Rows that something else labelled speak for themselves. All others are spoken for by those that people labelled: an
entry of the queue was chosen with known chances, and was labelled with the share of entries of its reason that were,
since entries of one reason are shown in an order that chance gives. Without a labelled entry that was drawn by chance
nothing is known of the rows that nobody would have chosen, and people's labels do not judge the day.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.reviews import Chance, ReviewedDay, ReviewReason
from millrace_monitoring.labels.queries import Truth
from millrace_stats import weighted

Key = tuple[str, int]


@dataclass(frozen=True)
class Drawn:
    """One entry of the queue: its row, why it is there first, and the chances that it had."""

    request_id: str
    index: int
    reason: ReviewReason
    chance: Chance


@dataclass(frozen=True)
class Reviewed:
    """Rows of a day, of which people labelled some.

    weights: how many rows each labelled one speaks for, (rows,); 1 for those that something else labelled.
    by_people: rows that people alone labelled, bool (rows,). chosen: entries of the queue among the rows.
    """

    weights: np.ndarray
    by_people: np.ndarray
    chosen: int

    def told(self, losses: np.ndarray) -> ReviewedDay:
        """What they come to for *losses* of shape (rows,)."""
        mine = losses[self.by_people]
        known = mine[np.isfinite(mine)]
        found = weighted.mean(mine, self.weights[self.by_people])
        return ReviewedDay(
            chosen=self.chosen,
            labelled=int(self.by_people.sum()),
            naive=float(known.mean()) if len(known) else None,
            weighted=None if found is None else found.mean,
            error=None if found is None else found.error,
        )


def of_day(keys: Sequence[Key], truths: Sequence[Truth], drawn: Sequence[Drawn]) -> Reviewed | None:
    """Weights of a day's rows; None where people labelled none of them.

    Args:
        keys: (request id, index) of each row. truths: their labels. drawn: entries of the queue of this day.
    """
    reviewed = {(truth.request_id, truth.index): truth.reviewed for truth in truths}
    by_people = np.array([reviewed.get(key, False) for key in keys], dtype=bool)
    if not by_people.any():
        return None
    elsewhere = np.array([key in reviewed for key in keys], dtype=bool) & ~by_people
    rows = {key for key, other in zip(keys, elsewhere, strict=True) if not other}
    entries = {(item.request_id, item.index): item for item in drawn}
    rates = response(entries, rows, {key for key in rows if reviewed.get(key)})
    weights = np.ones(len(keys))
    for line in np.flatnonzero(by_people).tolist():
        entry = entries.get(keys[line])
        weights[line] = 0.0 if entry is None else _weight(entry.chance, rates)
    total = weights[by_people].sum()
    if total:
        weights[by_people] *= len(rows) / total
    return Reviewed(weights, by_people, sum(key in entries for key in keys))


def response(entries: Mapping[Key, Drawn], rows: set[Key], labelled: set[Key]) -> dict[ReviewReason, float]:
    """The share of entries that people labelled, by the reason for which they are there first."""
    chosen = Counter(item.reason for key, item in entries.items() if key in rows)
    done = Counter(item.reason for key, item in entries.items() if key in labelled)
    return {reason: done[reason] / count for reason, count in chosen.items()}


def _weight(chance: Chance, rates: Mapping[ReviewReason, float]) -> float:
    """How many rows it speaks for: one by the chance that it was chosen and labelled; 0 without any drawn by chance."""
    if not rates.get("sampled"):
        return 0.0
    return 1 / sum(part * rates.get(reason, 0.0) for reason, part in chance.by_first_reason().items())
