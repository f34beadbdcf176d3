"""What is done when a process of the code was killed: it goes on, with fewer workers, or not at all. Pure."""

from millrace_contracts.custom_code import CodeLost
from millrace_contracts.workers import CodeStart, CodeWorkers, Workers
from millrace_training.runtime.errors import JobError

STARTS = 3
"""How often one process is started within one attempt of the job, as a trial is."""
IN_VAIN = 3
"""Losses of workers in a row, with no new checkpoint between them, after which they are given up."""
PAUSE_SECONDS = 2.0
"""Before workers begin again after a loss, and four times as long after each further one in vain: that a machine is
lost, or free again, is not known at once."""
MOST_LOSSES = 20
"""Losses of workers within one attempt of the job, whatever they got done in between."""


class Losses:
    """The starts of one training, and what each of them lost.

    A worker that is lost twice with no checkpoint in between does not come back: one fewer begins, down to the least.

    Args:
        team: the workers; None: one process, started a fixed number of times.
    """

    def __init__(self, team: Workers | None) -> None:
        self.team = team
        self.workers = None if team is None else team.most
        self.starts: list[CodeStart] = []
        self._vain = 0

    @property
    def count(self) -> int:
        """How many starts were lost."""
        return sum(start.lost is not None for start in self.starts)

    @property
    def pause(self) -> float:
        """Seconds before the next start; one process alone needs none."""
        return PAUSE_SECONDS * 4 ** (self._vain - 1) if self.team is not None and self._vain else 0.0

    def begun(self, workers: int | None, step: int | None) -> None:
        """So many have begun, from the checkpoint of *step*."""
        self.starts.append(CodeStart(workers=workers or 1, step=step))

    def lost(self, lost: CodeLost, progressed: bool) -> str | None:
        """The last start was lost; returns a sentence if fewer go on than began.

        Args:
            progressed: whether there is a newer checkpoint than when it began.
        Raises: JobError when it is given up.
        """
        last = self.starts[-1]
        self.starts[-1] = last.model_copy(update={"lost": lost.rank, "signal": lost.signal})
        if self.team is None or self.workers is None:
            self._give_up(self.count >= STARTS, lost)
            return None
        self._vain = 1 if progressed else self._vain + 1
        if self._vain > 1 and self.workers > self.team.least:
            self._vain, self.workers = 1, self.workers - 1
            return f"worker {lost.rank} does not come back; {self.workers} of {self.team.most} go on"
        self._give_up(self._vain >= IN_VAIN or self.count >= MOST_LOSSES, lost)
        return None

    def told(self) -> CodeWorkers | None:
        """What the version says of its workers."""
        if self.team is None:
            return None
        return CodeWorkers(least=self.team.least, most=self.team.most, starts=self.starts)

    def _give_up(self, over: bool, lost: CodeLost) -> None:
        if not over:
            return
        by = f"by signal {lost.signal}" if lost.signal else "with its machine"
        who = "It was killed" if self.team is None else "Workers were killed"
        last = f"last {by}" if self.team is None else f"last worker {lost.rank} {by}"
        mend = (
            "Raise training.limits.memory if it needs more, and keep checkpoints with job.checkpoint(path)."
        )
        raise JobError("The training code was killed", f"{who} {self.count} times, {last}.", mend)
