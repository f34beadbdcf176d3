"""The gate of the archive: a version that was replaced answers again where it is better than candidate and champion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.contenders import ArchivedBlock, ArchivedEvaluation
from millrace_contracts.learning import Block
from millrace_contracts.loop import Spec
from millrace_contracts.verdicts import GateResult
from millrace_controller.gates import champion as rival
from millrace_controller.gates import few
from millrace_controller.gates.champion import Judgement
from millrace_controller.gates.past import Past
from millrace_stats.paired import ERROR, LIKELY
from millrace_stats.pairs import Pair


@dataclass(frozen=True)
class Comeback:
    """What the gate says, and the version that is to answer; None: none is."""

    result: GateResult
    version: int | None


@dataclass(frozen=True)
class _Judged:
    version: int
    judgement: Judgement
    better: float


def judge(spec: Spec, archived: Sequence[ArchivedEvaluation], passed: bool, past: Past) -> Comeback | None:
    """Whether an archived version beats who would answer else; None if none can be compared, or none may come back.

    Each is held against the candidate if that has *passed* its own gates, else against the champion, on the same rows,
    and has to be better by the margin that a way back needs. Balanced: it passes the gate that candidates pass, and is
    likely to be better, for the best of several looks better than it is. Strict: it is proven to be better, and the
    error is split over all that are looked at.
    """
    if not spec.comes_back():
        return None
    told = [_judged(spec, item, passed, past) for item in archived if len(item.blocks) >= few.needed(spec)]
    if not told:
        return None
    best = min(told, key=lambda item: (item.judgement.comparison.difference, -item.version))
    back = [item for item in told if _better(spec, item, len(told))]
    chosen = min(back, key=lambda item: (item.judgement.comparison.difference, -item.version), default=None)
    result = _result(spec, chosen or best, chosen is not None, passed, len(told))
    return Comeback(result, None if chosen is None else chosen.version)


def _judged(spec: Spec, item: ArchivedEvaluation, passed: bool, past: Past) -> _Judged:
    blocks = [_against(block, passed) for block in item.blocks]
    judgement = rival.judge(spec, blocks, Past(prices=past.prices, told=past.told))
    archived, other, _ = rival.arrays(blocks)
    return _Judged(item.version, judgement, float(Pair.of(archived, other).better.below(0.0)))


def _against(block: ArchivedBlock, passed: bool) -> Block:
    other = block.candidate if passed else block.champion
    return Block(block=block.block, n=block.n, candidate=block.archived, champion=other)


def _better(spec: Spec, item: _Judged, looked_at: int) -> bool:
    found = item.judgement
    if not (
        np.isfinite(found.comparison.difference) and found.comparison.difference < -spec.switch_back.margin
    ):
        return False
    likely = item.better < _bound(spec, looked_at)
    return likely if spec.gate_policy() == "strict" else likely and found.verdict == "passed"


def _bound(spec: Spec, looked_at: int) -> float:
    """p of the hypothesis that a version is no better, below which it may answer again."""
    return ERROR / looked_at if spec.gate_policy() == "strict" else LIKELY


def _result(spec: Spec, item: _Judged, back: bool, passed: bool, looked_at: int) -> GateResult:
    found, other = item.judgement.comparison, "the candidate" if passed else "the champion"
    words = "answers again" if back else "stays archived"
    reason = (
        f"version {item.version}, the best of {looked_at} archived, differs from {other} by {found.difference:+.1%} "
        f"(95 % bounds {found.lower:+.1%} to {found.upper:+.1%}) on {found.blocks} blocks and {found.rows} rows, and "
        f"{words}: more than {spec.switch_back.margin:.1%} less is needed, with p below {_bound(spec, looked_at):.2g}; "
        f"p is {item.better:.2g}"
    )
    if back:
        reason += f"; {item.judgement.reason}"
    return GateResult.model_validate(
        {
            "name": "archive",
            "verdict": "failed" if back else "passed",
            "reason": reason,
            "version": item.version,
            "looked_at": looked_at,
            "difference": found.difference,
            "lower": found.lower,
            "upper": found.upper,
            "margin": spec.switch_back.margin,
            "p_better": item.better,
            "blocks": found.blocks,
            "rows": found.rows,
        }
    )
