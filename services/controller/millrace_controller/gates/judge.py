"""The gates between a candidate and production; three verdicts, each with its numbers."""

import math
from datetime import date

from millrace_contracts.digits import legible
from millrace_contracts.gates import AbsoluteGate
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.loop import Spec
from millrace_contracts.verdicts import GateResult, GatesVerdict, Verdict
from millrace_controller.gates import archive, fairness, few, turn
from millrace_controller.gates import champion as rival
from millrace_controller.gates.past import Past
from millrace_controller.gates.turn import Turned
from millrace_stats import tasks
from millrace_stats.paired import slices

ORDER: tuple[Verdict, ...] = ("failed", "inconclusive", "passed")


def judge(
    spec: Spec,
    evaluation: EvaluateResult,
    champion: bool | None = None,
    past: Past | None = None,
    since: date | None = None,
) -> GatesVerdict:
    """All gates of a loop over one evaluation: failed if any gate failed, else inconclusive if any is, else passed.

    Args:
        evaluation: metrics of candidate and champion, blocks of mean losses on the same rows, slices.
        champion: whether there is one to be compared with, also if no row could be; None: if the evaluation has one.
        past: what earlier runs of the loop have to say; None: nothing.
        since: first day since a change, from which on champion and archive are judged; None: all blocks are.
    """
    turned = turn.narrowed(spec, evaluation, past or Past(), since)
    compared = champion if champion is not None else evaluation.metrics.champion is not None
    gates = [_absolute(gate, evaluation) for gate in spec.gates.absolute]
    if compared:
        gates += [_champion(turned), *_slices(spec, evaluation)]
    else:
        gates = [_useful(spec, evaluation), *gates]
    gates += fairness.judge(spec.gates.fairness or [], evaluation)
    verdict = min((gate.verdict for gate in gates), key=ORDER.index)
    comeback = archive.judge(turned.spec, turned.evaluation.archived, verdict == "passed", turned.past)
    if comeback is not None:
        gates.append(comeback.result)
        verdict = min((verdict, comeback.result.verdict), key=ORDER.index)
    deciding = [gate for gate in gates if gate.verdict == verdict]
    if verdict == "passed":
        deciding = [gate for gate in gates if gate.name == "champion"] or deciding[:1]
    if comeback is not None and comeback.version is not None:
        deciding = [comeback.result]
    return GatesVerdict(
        verdict=verdict,
        reason="; ".join(gate.reason for gate in deciding),
        gates=gates,
        back=None if comeback is None else comeback.version,
    )


def _useful(spec: Spec, evaluation: EvaluateResult) -> GateResult:
    """A first model has to beat knowing nothing; a later one has to hold its own against the champion instead."""
    floor = tasks.of(spec.task).floor
    value = _metric(evaluation, floor.metric)
    if value is None:
        reason = f"{floor.metric} cannot be told: {_undecided(spec)}"
        return _gate("useful", "inconclusive", reason, value=None)
    passed = value > floor.value
    words = "better" if passed else "no better"
    reason = f"{floor.metric} is {legible(value)}, {words} than {floor.rival} ({legible(floor.value, 6)})"
    return _gate("useful", "passed" if passed else "failed", reason, value=value, **_seen(evaluation))


def _undecided(spec: Spec) -> str:
    """Why a holdout does not tell how good a model is, and what would help."""
    what = "one class" if tasks.of(spec.task).classifies else "one value of the target"
    if spec.data.event_time is None:
        return f"there is only {what} in the rows kept out of training; push rows with another"
    return (
        f"there is only {what} in the last {spec.training.holdout}, which are kept out of training; make "
        "training.holdout longer, or leave data.eventTime out, so that folds judge on every row"
    )


def _absolute(gate: AbsoluteGate, evaluation: EvaluateResult) -> GateResult:
    value = _metric(evaluation, gate.metric)
    upper = gate.at_most is not None
    bound = gate.at_most if gate.at_most is not None else gate.at_least
    assert bound is not None
    passed = value is not None and (value <= bound if upper else value >= bound)
    shown = "unknown" if value is None else legible(value)
    return _gate(
        f"absolute:{gate.metric}",
        "inconclusive" if value is None else "passed" if passed else "failed",
        f"{gate.metric} is {shown}, {'at most' if upper else 'at least'} {legible(bound, 6)} is wanted",
        value=value,
        bound=bound,
    )


def _champion(turned: Turned) -> GateResult:
    spec, evaluation, past = turned.spec, turned.evaluation, turned.past
    judged = rival.judge(spec, evaluation.blocks, past)
    result, verdict, reason = (
        judged.comparison,
        judged.verdict,
        judged.reason + past.words_aside + turned.words,
    )
    if result.blocks < few.needed(spec):
        reason = few.told(spec, evaluation, result.blocks) or reason
    if _one_class(spec, evaluation):
        verdict, reason = "inconclusive", f"candidate and champion cannot be compared: {_undecided(spec)}"
    numbers = {
        name: value if math.isfinite(value) else None
        for name, value in result.to_dict().items()
        if name not in ("verdict", "reason")
    }
    return _gate("champion", verdict, reason, **numbers, **judged.numbers, **_seen(evaluation))


def _seen(evaluation: EvaluateResult) -> dict[str, float | None]:
    """How many of the rows that were judged on are no copy of another; nothing if that was not told."""
    return {"independent_rows": float(evaluation.independent_rows)} if evaluation.rows else {}


def _one_class(spec: Spec, evaluation: EvaluateResult) -> bool:
    """Whether the rows lack all classes but one: who always says that one would win."""
    task = tasks.of(spec.task)
    told = task.floor.metric in evaluation.metrics.candidate
    return task.classifies and told and _metric(evaluation, task.floor.metric) is None


def _slices(spec: Spec, evaluation: EvaluateResult) -> list[GateResult]:
    gate = spec.gates.slices
    parts = {
        f"{item.column}={item.value}": arrays
        for item in evaluation.slices
        if item.column in gate.columns and len((arrays := rival.arrays(item.blocks))[0])
    }
    results = []
    for finding in slices(parts, gate.tolerance, gate.minimum_rows):
        words = "is worse" if finding.worse else "is not shown to be worse"
        numbers = f"({finding.difference:+.1%}, q={finding.q:.3f})"
        reason = f"{finding.name} {words} by more than {gate.tolerance:.0%} {numbers}"
        told = {"difference": finding.difference, "q": finding.q, "rows": finding.rows}
        results.append(
            _gate(f"slice:{finding.name}", "failed" if finding.worse else "passed", reason, **told)
        )
    return results


def _metric(evaluation: EvaluateResult, name: str) -> float | None:
    value = evaluation.metrics.candidate.get(name)
    return value if value is not None and math.isfinite(value) else None


def _gate(name: str, verdict: Verdict, reason: str, **numbers: rival.Number) -> GateResult:
    return GateResult.model_validate({"name": name, "verdict": verdict, "reason": reason, **numbers})
