"""Drift in windows that share no day: the champion's live days against its baseline's daily profiles."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats import drift
from millrace_stats.profiles import Presence, Profile


def features(baseline: Baseline, without: Iterable[str] = ()) -> list[str]:
    """What can drift: everything but timestamps, whose distribution moves by nature, and *without*."""
    hidden = set(without)
    return [
        name
        for name, slots in baseline.spec.features.items()
        if not isinstance(slots, Presence) and name not in hidden
    ]


def scores(days: Sequence[Profile], baseline: Baseline) -> dict[str, float]:
    """PSI of each feature over *days* against all reference days; empty without a reference."""
    found = {}
    for name in features(baseline) if days else []:
        reference = baseline.reference(name)
        if reference is not None:
            found[name] = _psi(reference, sum((day.counts[name] for day in days[1:]), days[0].counts[name]))
    return found


def _psi(reference: np.ndarray, current: np.ndarray) -> float:
    days = drift.joined(np.stack([current, reference]), int(min(current.sum(), reference.sum())))
    return drift.psi(days[1], days[0])


def judge(
    days: Sequence[Profile], baseline: Baseline, without: Iterable[str], threshold: float
) -> drift.Window:
    """Judge one full window.

    Left out are features with a quality fault, for the fault explains them, and predictions where the baseline has
    out-of-sample ones on only some of its days.
    """
    if not baseline.days:
        return drift.Window([], sum(day.rows for day in days), "the baseline has no reference days")
    names = [name for name in features(baseline, without) if baseline.is_daily(name)]
    reference = {name: baseline.daily(name) for name in names}
    current = {name: np.stack([day.counts[name] for day in days]) for name in names}
    return drift.judge(reference, current, threshold=threshold)


def to_dict(window: drift.Window) -> dict[str, Any]:
    """The window for SQL and evidence: the highest scores first."""
    ranked = sorted(window.scores, key=lambda score: (-score.psi, score.feature))
    return {
        "rows": window.rows,
        "observing": window.observing,
        "firing": window.firing,
        "scores": [score.to_dict() for score in ranked],
    }


def from_dict(state: dict[str, Any]) -> drift.Window:
    return drift.Window([drift.Score(**item) for item in state["scores"]], state["rows"], state["observing"])
