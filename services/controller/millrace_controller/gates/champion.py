"""The gate against the champion: proof on the new blocks, with those of earlier runs, and what is at stake."""

from dataclasses import dataclass, field

import numpy as np

from millrace_contracts.learning import Block
from millrace_contracts.loop import Spec
from millrace_contracts.verdicts import Verdict
from millrace_controller.gates.past import Past
from millrace_stats import stakes
from millrace_stats.paired import CARRIED_ERROR, ERROR, LEANING, Comparison, non_inferior
from millrace_stats.pairs import Pair

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
Number = float | str | None


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason; *numbers* are told beside those of the *comparison* on the new blocks."""

    comparison: Comparison
    verdict: Verdict
    reason: str
    numbers: dict[str, Number] = field(default_factory=dict)


def arrays(blocks: list[Block]) -> Arrays:
    """Losses of candidate and champion and rows of the blocks that have both, each (blocks,)."""
    paired = [block for block in blocks if block.champion is not None]
    columns = ([getattr(block, name) for block in paired] for name in ("candidate", "champion", "n"))
    candidate, champion, rows = (np.array(column, float) for column in columns)
    return candidate, champion, rows


def judge(spec: Spec, blocks: list[Block], past: Past) -> Judgement:
    """What the evidence says of a candidate, by the loop's policy.

    Passed: by proof on the new blocks; by proof on these and those of *past*, unless the new ones are against it; or,
    where the policy is balanced and it is not proven worse, because promoting is expected to cost less than keeping.
    """
    gate, ordered = spec.gates.champion, spec.data.event_time is not None
    new = arrays(blocks)
    carried = _earlier(blocks, past)
    error = CARRIED_ERROR if carried else ERROR
    alone = non_inferior(
        *new, margin=gate.margin, minimum_blocks=gate.minimum_days, ordered=ordered, error=error
    )
    if alone.verdict != "inconclusive" or not np.isfinite(alone.difference):
        return Judgement(alone, alone.verdict, alone.reason, {"policy": spec.gate_policy()})
    pair = Pair.of(new[0], new[1], ordered)
    if carried:
        whole = non_inferior(
            *arrays([*carried, *blocks]), margin=gate.margin, minimum_blocks=0, ordered=ordered, error=error
        )
        if whole.verdict == "passed" and float(pair.better.below(gate.margin)) < LEANING:
            numbers: dict[str, Number] = {
                "policy": spec.gate_policy(),
                "carried_blocks": float(len(carried)),
                "carried_upper": whole.upper,
            }
            words = f"with {len(carried)} blocks of earlier runs against the same champion {whole.reason}"
            return Judgement(alone, "passed", f"{alone.reason}; {words}", numbers)
    if spec.gate_policy() == "balanced":
        return _weighed(alone, pair, past)
    return Judgement(alone, alone.verdict, alone.reason, {"policy": "strict"})


def _earlier(blocks: list[Block], past: Past) -> list[Block]:
    """Blocks of earlier runs that are not judged anew; only what comes before the new ones is an earlier time."""
    new = {block.block for block in blocks}
    return [block for block in past.blocks if block.block not in new and block.champion is not None]


def _weighed(alone: Comparison, pair: Pair, past: Past) -> Judgement:
    """Whether promoting is expected to cost less than keeping."""
    prices = past.prices
    told = stakes.weigh(pair.better, prices)
    promoting, keeping = float(told.promoting), float(told.keeping)
    passed = promoting < keeping
    words = (
        f"not proven, so what is at stake decides: promoting is expected to lose {promoting:.2g} days of the "
        f"champion's loss, keeping {keeping:.2g} (a wrong promotion counts for {prices.promoted:.3g} days, a champion "
        f"that is kept wrongly for {prices.kept:.3g}, {past.told})"
    )
    numbers: dict[str, Number] = {
        "policy": "balanced",
        "promoting_costs": promoting,
        "keeping_costs": keeping,
        "wrong_promotion_days": prices.promoted,
        "kept_model_days": prices.kept,
    }
    return Judgement(alone, "passed" if passed else "inconclusive", f"{alone.reason}; {words}", numbers)
