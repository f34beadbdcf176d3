"""States of a loop run, and the moves that are allowed."""

from millrace_contracts.loop_runs import LoopRunState as State
from millrace_contracts.loop_runs import Traffic
from millrace_contracts.rollouts import RolloutState
from millrace_contracts.verdicts import GatesVerdict
from millrace_core.errors import Conflict

__all__ = ["ALLOWED", "BUSY", "IN_FLIGHT", "State", "answers", "check", "moves"]

ALLOWED: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.RUNNING, State.FAILED}),
    State.RUNNING: frozenset(
        {
            State.PENDING,
            State.AWAITING_APPROVAL,
            State.ROLLING_OUT,
            State.REFUSED,
            State.REJECTED,
            State.FAILED,
        }
    ),
    State.AWAITING_APPROVAL: frozenset({State.ROLLING_OUT, State.REJECTED, State.FAILED}),
    State.ROLLING_OUT: frozenset({State.PROMOTED, State.ABORTED, State.FAILED}),
    State.REFUSED: frozenset(),
    State.REJECTED: frozenset(),
    State.FAILED: frozenset(),
    State.PROMOTED: frozenset(),
    State.ABORTED: frozenset(),
}
"""From each state to those that may follow; a killed run goes back to pending and is tried again."""

BUSY = (State.PENDING, State.RUNNING)
"""The loop's clock waits for these."""
IN_FLIGHT = (*BUSY, State.AWAITING_APPROVAL, State.ROLLING_OUT)


def moves(state: str, traffic: Traffic | None) -> bool:
    """Whether a run goes on by itself: its pipeline works, or its rollout, which waits for no event time.

    A rollout loads its version and then, where its plan has no steps, takes all traffic: until then nobody knows whom
    the next day's requests meet.
    """
    if state != State.ROLLING_OUT:
        return state in BUSY
    return traffic is None or traffic.steps == 0 or traffic.state == RolloutState.LOADING


def answers(state: str, verdict: GatesVerdict | None) -> bool:
    """Whether a run came to something, so that it answers what called for it.

    One that failed does if its gates had said no by then: it would have changed nothing. A candidate that had passed,
    or a way back, was lost with it.
    """
    if state != State.FAILED:
        return state != State.REFUSED
    return verdict is not None and verdict.verdict != "passed" and verdict.back is None


def check(old: State, new: State) -> None:
    """Raises: Conflict if a run may not move from *old* to *new*."""
    if new not in ALLOWED[old]:
        raise Conflict(f"A run that is {old} cannot become {new}.")
