"""Rows as an estimator sees them: the slot of each value, as the baseline's profile counts it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from millrace_stats.bins import Presence, Slots, Vocabulary
from millrace_stats.profiles import ProfileSpec

Ints = npt.NDArray[np.int64]
MOST = 60
"""Features that are looked at, in the order of the profile; a model of more has its own answer for the rest."""


def names(spec: ProfileSpec) -> list[str]:
    """The features that are looked at: answers first, and none of which only the presence is counted."""
    told = [name for name, slots in spec.features.items() if not isinstance(slots, Presence)]
    return sorted(told, key=lambda name: not name.startswith("__"))[:MOST]


def sizes(spec: ProfileSpec) -> dict[str, int]:
    """Slots by feature."""
    return {name: spec.features[name].slots for name in names(spec)}


def unordered(spec: ProfileSpec) -> list[str]:
    """Features whose slots are words."""
    return [name for name in names(spec) if isinstance(spec.features[name], Vocabulary)]


def place(spec: ProfileSpec, columns: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Ints]:
    """The slot of each row by feature, int64 (rows,), from columns by feature name, each (rows,)."""
    return {name: _placed(spec.features[name], np.asarray(columns[name])) for name in names(spec)}


def _placed(slots: Slots, values: npt.NDArray[np.generic]) -> Ints:
    assert not isinstance(slots, Presence), "presence has no slots to learn from"
    return np.asarray(slots.place(values), np.int64)
