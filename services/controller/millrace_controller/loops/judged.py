"""How the newest candidate met its gates, as status and conditions tell it."""

from millrace_contracts.status import Condition, Gate
from millrace_contracts.verdicts import GateResult
from millrace_controller.loops.texts import REASON, chosen, cut
from millrace_controller.tables import Run


def gates(newest: Run | None) -> list[Gate] | None:
    verdict = None if newest is None else newest.verdict
    return None if verdict is None else [_gate(gate) for gate in chosen(verdict.gates)]


def _gate(gate: GateResult) -> Gate:
    ci = [bound for bound in (gate.number("lower"), gate.number("upper")) if bound is not None]
    return Gate(
        name=gate.name,
        verdict=gate.verdict,
        reason=cut(gate.reason, "cut", REASON),
        value=gate.number("value", "difference"),
        ci=ci if len(ci) == 2 else None,
    )


def passed(newest: Run | None) -> Condition:
    verdict = None if newest is None else newest.verdict
    if verdict is None:
        return Condition(type="GatesPassed", status="Unknown", reason="NotJudged")
    status = "True" if verdict.verdict == "passed" else "False"
    return Condition(
        type="GatesPassed", status=status, reason=verdict.verdict.title(), message=verdict.reason
    )
