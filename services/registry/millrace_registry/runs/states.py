"""States of a run, and which may follow which."""

from millrace_contracts.training_runs import TrainingRunState
from millrace_core.errors import Conflict

ENDS = frozenset({TrainingRunState.SUCCEEDED, TrainingRunState.FAILED, TrainingRunState.CANCELLED})
TRIED_AGAIN = frozenset({TrainingRunState.RUNNING, TrainingRunState.SUCCEEDED})
"""What may follow a failure: the job was tried again."""
ALLOWED: dict[TrainingRunState, frozenset[TrainingRunState]] = {
    TrainingRunState.RUNNING: ENDS,
    TrainingRunState.FAILED: frozenset(
        {TrainingRunState.RUNNING, TrainingRunState.SUCCEEDED}
    ),  # the job was tried again
    TrainingRunState.CANCELLED: frozenset(),
    TrainingRunState.SUCCEEDED: frozenset(),
}


def check(old: TrainingRunState, new: TrainingRunState) -> None:
    """Allow the move, or that nothing moves. Raises: Conflict."""
    if new != old and new not in ALLOWED[old]:
        raise Conflict(f"A run that is {old} cannot become {new}.")
