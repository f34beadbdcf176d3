"""Too few independent blocks to decide on: how many there are, why, and what would help, in the unit of the data."""

import math

from millrace_contracts.learning import BlockSpacing, EvaluateResult
from millrace_contracts.loop import Spec

LEAST = 3
"""Blocks without which no difference has a bound."""
SPARE = 2
"""Of all blocks, at most one in so many is kept out of training by the remedy that is told."""


def needed(spec: Spec) -> int:
    """Blocks without which nothing is decided."""
    return max(spec.gates.champion.minimum_days, LEAST)


def told(spec: Spec, evaluation: EvaluateResult, blocks: int) -> str | None:
    """Why the holdout decides nothing, and what would help; None where its blocks are no spans of time.

    Args:
        blocks: those in which candidate and champion could be compared.
    """
    spacing, held = evaluation.spacing, len(evaluation.blocks)
    if spacing is None:
        return None
    if blocks < held >= needed(spec):
        return (
            f"the champion may have seen the rows of {held - blocks} of the {_count(held, spacing)} in the last "
            f"{spec.training.holdout}; {blocks} are left, {needed(spec)} are needed: newer rows will bring them"
        )
    return (
        f"the last {spec.training.holdout}, which are kept out of training, have {_count(blocks, spacing)} with rows, "
        f"and {needed(spec)} are needed: each is one sample, however many rows it has; {_remedy(spec, spacing, blocks)}"
    )


def _remedy(spec: Spec, spacing: BlockSpacing, blocks: int) -> str:
    wanted = needed(spec)
    lower = f"gates.champion.minimumDays may be as low as {LEAST} (fewer blocks decide less often, not more rashly)"
    if spacing.blocks < SPARE * wanted:
        return f"the data has {_count(spacing.blocks, spacing)} in all, so push older rows, or wait; {lower}"
    days = math.ceil(wanted * spacing.gap)
    every = f"one comes every {spacing.gap:.0f} days" if spacing.gap >= 1.5 else "one comes each day"
    return f"{every}, so training.holdout: {days}d holds enough of them; {lower}"


def _count(number: int, spacing: BlockSpacing) -> str:
    return f"{number} {spacing.unit}{'' if number == 1 else 's'}"
