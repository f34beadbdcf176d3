"""The moves of a rollout that are allowed."""

from millrace_contracts.rollouts import RolloutState
from millrace_core.errors import Conflict

MOVING = frozenset({RolloutState.CANARY, RolloutState.PROMOTED, RolloutState.ABORTED})
ALLOWED: dict[RolloutState, frozenset[RolloutState]] = {
    RolloutState.LOADING: frozenset(
        {RolloutState.MIRRORING, RolloutState.CANARY, RolloutState.PROMOTED, RolloutState.ABORTED}
    ),
    RolloutState.MIRRORING: MOVING,
    RolloutState.CANARY: MOVING,
    RolloutState.PROMOTED: frozenset(),
    RolloutState.ABORTED: frozenset(),
}
"""From each state to those that may follow; canary follows canary with more traffic."""

IN_FLIGHT = (RolloutState.LOADING, RolloutState.MIRRORING, RolloutState.CANARY)


def check(old: RolloutState, new: RolloutState) -> None:
    """Raises: Conflict if a rollout may not move from *old* to *new*."""
    if new not in ALLOWED[old]:
        raise Conflict(f"A rollout that is {old} cannot become {new}.")
