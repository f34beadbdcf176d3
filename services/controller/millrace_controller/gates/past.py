"""What a loop's own history says for a gate: earlier evidence against the same champion, and what errors cost."""

from dataclasses import dataclass

from millrace_contracts.learning import Block
from millrace_stats.stakes import Prices

EVEN = Prices()


@dataclass(frozen=True)
class Past:
    """Of a loop before the run that is judged.

    Attributes:
        blocks: those of earlier runs of the same configuration against the same champion, oldest first.
        prices: days for which each error costs its difference. told: where they come from.
    """

    blocks: tuple[Block, ...] = ()
    prices: Prices = EVEN
    told: str = "both errors taken to last equally long, for there is no history yet"
