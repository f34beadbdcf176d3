"""Labels are kept as places of classes: when a retrained model has others, each stays the class that it was."""

from collections.abc import Sequence

import numpy as np

from millrace_contracts.names import ClassValue
from millrace_stats.tasks import labels


def moved(before: Sequence[ClassValue], after: Sequence[ClassValue]) -> dict[int, int | None]:
    """The new place of each class whose place changes; None for one that is none any more."""
    places = {place: labels.index(value, after) for place, value in enumerate(before)}
    return {old: new for old, new in places.items() if new != old}


def recoded(places: np.ndarray, before: Sequence[ClassValue], after: Sequence[ClassValue]) -> np.ndarray:
    """Places among *after* of labels that are places among *before*, float64 (rows,).

    Those of no class of *after* lie behind its places: a model of these classes gave them no chance. Of two classes
    that are others nothing can be said: NaN.
    """
    changes = moved(before, after)
    if not changes:
        return places
    behind = float(len(after)) if len(after) > 2 else np.nan
    found = [changes.get(place, place) for place in range(len(before))]
    new = np.array([behind if place is None else place for place in found], np.float64)
    known = np.isfinite(places)
    return np.where(known, new[np.where(known, places, 0).astype(np.int64)], np.nan)
