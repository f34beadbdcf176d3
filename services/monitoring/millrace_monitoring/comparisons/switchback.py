"""Has an archived version become better than the champion? One sequential test for each pair."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_stats.paired import SwitchBack


@dataclass(frozen=True)
class Finding:
    """The archived version to go back to, with the numbers."""

    version: int
    evidence: dict[str, Any]


def start(archived: int, policy: dict[str, Any], earlier: list[float]) -> dict[str, Any]:
    """State of a new pair.

    Args:
        archived: how many archived versions are watched together.
        earlier: daily differences champion - archived on days that neither had seen, in order.
    """
    made = SwitchBack.start(archived, policy["margin"], policy["minimum_days"], np.array(earlier))
    return made.to_dict()


def update(
    pairs: dict[str, Any], champion: float, archived: dict[int, float]
) -> tuple[dict[str, Any], Finding | None]:
    """Take in one closed day.

    Args:
        pairs: state by archived version (as text, for JSON).
        champion: its mean loss.
        archived: mean loss of each version on the same rows.
    Returns: the new state, and the version with the largest gain among those that call for a switch.
    """
    running = {int(version): SwitchBack.from_dict(state) for version, state in pairs.items()}
    fired = {
        version: pair.gain
        for version, pair in running.items()
        if version in archived and pair.update(champion, archived[version])
    }
    best = max(fired, key=lambda version: (fired[version], version), default=None)
    finding = None if best is None else Finding(best, running[best].evidence())
    return {str(version): pair.to_dict() for version, pair in running.items()}, finding


def evidence(pairs: dict[str, Any]) -> dict[str, Any]:
    """Where each pair stands, by archived version."""
    return {version: SwitchBack.from_dict(state).evidence() for version, state in pairs.items()}
