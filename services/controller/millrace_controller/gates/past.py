"""What a loop's own history says for a gate: earlier evidence against the same champion, and what errors cost."""

from dataclasses import dataclass

from millrace_contracts.counting import counted
from millrace_contracts.learning import Block
from millrace_stats.stakes import Prices

EVEN = Prices()


@dataclass(frozen=True)
class Past:
    """Of a loop before the run that is judged.

    Attributes:
        blocks: those of earlier runs of the same configuration against the same champion, oldest first.
        aside: how many more there are whose candidates were judged by another rule, which count for nothing.
        prices: days for which each error costs its difference. told: where they come from.
    """

    blocks: tuple[Block, ...] = ()
    prices: Prices = EVEN
    told: str = "both errors taken to last equally long, for there is no history yet"
    aside: int = 0

    @property
    def words_aside(self) -> str:
        """What is said of evidence that does not count; empty if there is none."""
        if not self.aside:
            return ""
        blocks = counted(self.aside, "block")
        are = "is" if self.aside == 1 else "are"
        return (
            f"; {blocks} of earlier runs {are} set aside: those candidates were not fitted anew before each part of "
            "the holdout, so they say little of this one"
        )
