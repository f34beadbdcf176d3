"""The days since a change alone: what came before them speaks of a world that is gone."""

from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from millrace_contracts.contenders import ArchivedBlock
from millrace_contracts.learning import Block, EvaluateResult
from millrace_contracts.loop import Spec
from millrace_controller.gates import few
from millrace_controller.gates.past import Past
from millrace_stats.performance import SINCE_DAYS

Line = TypeVar("Line", Block, ArchivedBlock)


@dataclass(frozen=True)
class Turned:
    """What the gates of champion and archive are given: a spec that asks for no more blocks than there are."""

    spec: Spec
    evaluation: EvaluateResult
    past: Past
    words: str = ""


def narrowed(spec: Spec, evaluation: EvaluateResult, past: Past, since: date | None) -> Turned:
    """Blocks from the day *since* on, the last SINCE_DAYS at the least; everything where no change is known.

    What earlier runs have told counts for nothing: they judged before the change.
    """
    days = sorted(block.block for block in evaluation.blocks if block.champion is not None)
    if since is None or len(days) < SINCE_DAYS:
        return Turned(spec, evaluation, past)
    first = min(since.isoformat(), days[-SINCE_DAYS])
    held = [item.model_copy(update={"blocks": _from(item.blocks, first)}) for item in evaluation.archived]
    blocks = _from(evaluation.blocks, first)
    gate = spec.gates.champion.model_copy(update={"minimum_days": min(few.needed(spec), len(blocks))})
    asks = spec.model_copy(update={"gates": spec.gates.model_copy(update={"champion": gate})})
    words = f"; only days from {first} on are judged, since the champion's loss has been high from then on"
    return Turned(
        asks,
        evaluation.model_copy(update={"blocks": blocks, "archived": held}),
        replace(past, blocks=(), aside=0),
        words,
    )


def _from(blocks: list[Line], first: str) -> list[Line]:
    return [block for block in blocks if block.block >= first]
