"""The gate over groups of protected attributes: none may lie further from its reference than the loop allows."""

from millrace_contracts.digits import signed
from millrace_contracts.fairness import FairnessEvaluation, FairnessGate
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.verdicts import GateResult, Verdict
from millrace_stats import groups
from millrace_stats.groups import Gap

SHOWN = 5
"""Groups that a reason names."""


def judge(gates: list[FairnessGate], evaluation: EvaluateResult) -> list[GateResult]:
    """One result for each declared gate; decided over all groups of all attributes that are large enough."""
    told = evaluation.fairness
    if told is None:
        reason = "the evaluation tells of no groups: an earlier version made it; evaluate again"
        return [
            GateResult(name=f"fairness:{gate.metric}", verdict="inconclusive", reason=reason)
            for gate in gates
        ]
    return [_one(gate, told) for gate in gates]


def _one(gate: FairnessGate, told: FairnessEvaluation) -> GateResult:
    gaps, small = _gaps(gate, told)
    found = groups.judge(gaps, gate.at_most)
    verdicts = {item.verdict for item in found}
    verdict: Verdict = "failed" if "failed" in verdicts else "inconclusive"
    if verdicts == {"passed"}:
        verdict = "passed"
    deciding = [item for item in found if item.verdict == verdict]
    parts = [
        f"{item.group}: {signed(gaps[item.group].difference, 3)} (95 % bounds "
        f"{signed(item.lower, 3)} to {signed(item.upper, 3)})"
        for item in sorted(deciding, key=lambda item: -abs(gaps[item.group].difference))[:SHOWN]
    ]
    words = {
        "passed": "lies within",
        "failed": "lies beyond",
        "inconclusive": "is not shown to lie on one side of",
    }[verdict]
    reason = (
        f"{gate.metric} of {'; '.join(parts)} {words} {gate.at_most:g} of the reference group"
        if parts
        else f"{gate.metric}: no two groups have the {told.minimum_rows} rows each that a comparison needs"
    )
    if small:
        reason += f"; too small to be judged: {', '.join(small[:SHOWN])}"
        reason += f" and {len(small) - SHOWN} more" if len(small) > SHOWN else ""
    if told.left_out:
        reason += f"; not compared: {'; '.join(told.left_out)}"
        verdict = "inconclusive" if verdict == "passed" else verdict
    worst = max(gaps.values(), key=lambda item: abs(item.difference), default=None)
    numbers = {
        "value": None if worst is None else worst.difference,
        "bound": gate.at_most,
        "groups": float(len(gaps)),
        "small": float(len(small)),
    }
    return GateResult.model_validate(
        {"name": f"fairness:{gate.metric}", "verdict": verdict, "reason": reason, **numbers}
    )


def _gaps(gate: FairnessGate, told: FairnessEvaluation) -> tuple[dict[str, Gap], list[str]]:
    """The differences that can be judged, and the names of groups that are too small."""
    gaps, small = dict[str, Gap](), list[str]()
    for line in told.groups:
        for item in line.metrics:
            if item.metric != gate.metric or line.reference:
                continue
            name = f"{line.attribute}={line.group}"
            if item.gap is None:
                small.append(f"{name} ({item.rows} rows)")
            else:
                gaps[name] = Gap(item.gap.difference, item.gap.error, item.gap.freedom)
    return gaps, small
