"""Says in plain words what a recorded decision means: what was done, the numbers behind it, why, and what followed."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeGuard

from millrace import surroundings
from millrace.approved import told as approved
from millrace_contracts.bodies import Document
from millrace_contracts.counting import counted
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.digits import legible
from millrace_contracts.variants import BASE_TARGET

Lines = list[str]
MEANING = {
    "passed": "so it may get traffic",
    "failed": "so the champion stays",
    "inconclusive": "the data does not say, so the champion stays",
}
CAUSES = {
    "spec": "the loop was declared or changed",
    "data": "new rows were pushed",
    "alarm": "a monitor raised an alarm",
    "schedule": "it was time by the schedule",
    "hand": "a person asked for it",
}


def explain(decision: DecisionRead, others: Iterable[DecisionRead] = ()) -> Lines:
    """The decision as lines of text.

    Args:
        decision: as the registry shows it, with `followed_by`.
        others: all decisions of its loop, for the chain of causes and for what else belongs to it.
    """
    by_id = {item.id: item for item in others}
    lines = [_headline(decision), "", f"  {decision.reason}"]
    told = NUMBERS.get(decision.kind)
    numbers = [*(told(decision.evidence) if told is not None else []), *_forms(decision.measured)]
    if numbers:
        lines += ["", "The numbers:", *(f"  {line}" for line in numbers)]
    pipeline = surroundings.pipeline(decision, by_id)
    if pipeline:
        lines += ["", f"Its pipeline, drawn step by step: {pipeline}"]
    chain = surroundings.chain(decision, by_id)
    if chain:
        lines += ["", "It came from:", *(f"  {_brief(item)}" for item in chain)]
    followed = surroundings.followed(decision, by_id)
    if followed:
        lines += ["", "What followed:", *(f"  {_brief(item)}" for item in followed)]
    return lines


def _forms(measured: Document) -> Lines:
    """Which forms a registered version has beside the exported one; why stands in `millrace models show`."""
    forms = measured.get("variants") or {}
    return [f"form {name}: {state}" for name, state in forms.items() if name != BASE_TARGET]


def _headline(decision: DecisionRead) -> str:
    when = f", event time {_time(decision.event_time)}" if decision.event_time else ""
    run = f", run {decision.run}" if decision.run is not None else ""
    kind, loop = decision.kind, decision.loop or "no loop"
    return f"{kind} ({decision.outcome}): {loop}{run}{when}, by {decision.author}"


def _brief(decision: DecisionRead) -> str:
    when = _time(decision.event_time) or "–"
    return f"{when}  {decision.kind} ({decision.outcome}) {decision.id[:8]}: {decision.reason}"


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _run_opened(evidence: Document) -> Lines:
    lines = [f"cause: {CAUSES.get(evidence.get('cause', ''), evidence.get('cause', 'unknown'))}"]
    if "days" in evidence:
        lines.append(
            f"{evidence['days']:g} days since the last run; the schedule says {evidence['schedule']}"
        )
    if "new_rows" in evidence:
        lines.append(f"{counted(evidence['new_rows'], 'new row')}; {evidence['wanted']} open a run")
    if "alarm" in evidence:
        lines.append(f"alarm: {evidence['alarm']}")
        lines += NUMBERS["alarm.opened"](evidence.get("evidence", {}))
    lines.append(f"data version at that time: {evidence.get('dataset_version', 'unknown')}")
    return lines


def _run_waits(evidence: Document) -> Lines:
    lines = [f"what calls for a run: {CAUSES.get(evidence.get('cause', ''), 'unknown')}"]
    if evidence.get("until"):
        lines.append(f"it waits until {evidence['until'][:16].replace('T', ' ')} UTC, in event time")
    if "alarm" in evidence:
        lines.append(f"alarm: {evidence['alarm']}; it opens its run then if it is still open")
        lines += NUMBERS["alarm.opened"](evidence.get("evidence", {}))
    return lines


def _independent(gate: Document) -> str:
    rows = gate.get("independent_rows")
    return f", of {rows:.0f} independent rows" if isinstance(rows, int | float) else ""


def _stakes(gate: Document) -> Lines:
    """By which policy the champion's gate decided, and what it thought that each error would cost."""
    lines = []
    if (carried := gate.get("carried_blocks")) is not None:
        lines.append(
            f"  ({_number(carried)} days or blocks of earlier runs against the same champion were counted too)"
        )
    if gate.get("promoting_costs") is None:
        return lines
    promoting, keeping = gate["promoting_costs"], gate["keeping_costs"]
    less = "promoting" if promoting < keeping else "keeping"
    return [
        *lines,
        "  policy balanced: where proof is lacking, the way that is expected to lose less is taken",
        f"  promoting, if that is wrong, loses {_number(promoting)} days of the champion's loss: a wrong promotion is "
        f"taken to last {_number(gate['wrong_promotion_days'])} days",
        f"  keeping, if that is wrong, loses {_number(keeping)}: a champion that should have gone is taken to stay "
        f"{_number(gate['kept_model_days'])} days; so {less} loses less (gates.prices sets both, policy: strict asks "
        "for proof alone)",
    ]


def _gates(evidence: Document) -> Lines:
    lines = []
    for gate in evidence.get("gates", []):
        meaning = MEANING.get(gate["verdict"], "")
        lines.append(f"{gate['name']}: {gate['verdict']}: {gate['reason']}")
        if gate["name"] == "champion":
            lines.append(
                f"  ({meaning}; each day or block of rows is one sample, {gate.get('blocks', 0)} in all"
                f"{_independent(gate)})"
            )
            lines += _stakes(gate)
    metrics = evidence.get("metrics", {})
    for who in ("candidate", "champion"):
        values = metrics.get(who) or {}
        shown = ", ".join(f"{name} {_number(value)}" for name, value in values.items() if _is_number(value))
        if shown:
            lines.append(f"{who}: {shown}")
    return lines


def _alarm(evidence: Document) -> Lines:
    lines = []
    if "log_level" in evidence:
        lines.append(
            f"the day's loss {_number(evidence.get('loss'))}; normal is {_number(evidence.get('reference_mean'))} "
            f"± {_number(evidence.get('reference_scale'))} over {evidence.get('reference_days')} days"
        )
        lines.append(
            f"log evidence {_number(evidence.get('log_value'))}, the level is {_number(evidence.get('log_level'))} "
            f"(set by the allowed false alarms a year), after {evidence.get('days')} days of watching"
        )
    for name, score in (evidence.get("features") or {}).items():
        lines.append(f"{name}: " + ", ".join(f"{key} {_number(value)}" for key, value in _numbers(score)))
    if "differing" in evidence:
        lines.append(f"{evidence['differing']} of {evidence.get('rows')} answers differ")
    if "share" in evidence:
        others = ((key, evidence[key]) for key in ("normal", "usual", "allowed") if key in evidence)
        compared = ", ".join(f"{key} {value:.1%}" for key, value in others)
        lines.append(f"share {evidence['share']:.1%}" + (f" ({compared})" if compared else ""))
    return lines


def _switch(evidence: Document) -> Lines:
    lines = [f"from version {evidence.get('from')} to version {evidence.get('to')}"]
    if evidence.get("gain") is not None:
        lines.append(
            f"mean loss {evidence['gain']:.1%} lower on the same rows over {evidence.get('days')} days "
            f"(more than {evidence.get('margin', 0):.1%} is asked for)"
        )
    if evidence.get("log_value") is not None:
        lines.append(
            f"log evidence {_number(evidence['log_value'])}, the level is {_number(evidence.get('log_level'))}"
        )
    return lines


def _rollback(evidence: Document) -> Lines:
    left = evidence.get("left", evidence.get("from"))
    return [f"from version {left} to version {evidence.get('version', evidence.get('to'))}"]


def _started(evidence: Document) -> Lines:
    plan = evidence.get("plan") or {}
    mirror = plan.get("mirror")
    lines = [f"version {evidence.get('version')}"]
    if mirror:
        lines.append(
            f"mirror {mirror['percent']:g} % of requests for {_span(mirror['seconds'])} of event time"
        )
    lines += [
        f"then {step['percent']:g} % of the traffic for {_span(step['seconds'])} of event time"
        for step in plan.get("canary", [])
    ]
    return [*lines, "then all of it"]


def _moved(evidence: Document) -> Lines:
    lines = [f"version {evidence.get('version')}"]
    if "not_finite" in evidence:
        lines.append(f"{evidence['not_finite']} answers were not finite numbers")
    if evidence.get("constant"):
        lines.append("it gave the same answer to everything")
    quality = evidence.get("quality")
    if isinstance(quality, dict):
        lines.append(f"quality on mirrored, labelled rows: {quality.get('verdict')}: {quality.get('reason')}")
    return lines


def _data(evidence: Document) -> Lines:
    rows, new = evidence.get("rows"), evidence.get("new_rows") or 0
    lines = [f"{counted(rows, 'row')}, {new} of them new"] if rows else []
    lines += [f"the contract changes: {change}" for change in evidence.get("changes") or []]
    for item in evidence.get("failed") or []:
        column = f" of the column {item['column']}" if item.get("column") else ""
        lines.append(f"broken: {item['check']}{column}")
    return lines


def _registered(evidence: Document) -> Lines:
    return [
        f"model file {evidence.get('files', {}).get('model.onnx')}",
        f"from data version {evidence.get('lineage', {}).get('dataset_version')}",
    ]


def _written(evidence: Document) -> Lines:
    lines = [
        f"{evidence.get('rows')} rows from {evidence.get('source')}, {evidence.get('answered')} of them answered by "
        f"version {evidence.get('version')}, written to {evidence.get('sink')}"
    ]
    return (
        [*lines, f"{counted(evidence['rejects'], 'line')} could not be read"]
        if evidence.get("rejects")
        else lines
    )


def _closed(evidence: Document) -> Lines:
    champion = evidence.get("champion")
    stands = f"version {champion} is champion" if champion is not None else "there is no champion"
    return [
        f"the run registered version {evidence['version']}"
        if evidence.get("version")
        else "it registered nothing",
        stands,
    ]


NUMBERS: dict[str, Callable[[Document], Lines]] = {
    "run.opened": _run_opened,
    "run.waits": _run_waits,
    "run.closed": _closed,
    "gate.verdict": _gates,
    **dict.fromkeys(("approval.asked", "approval.given", "approval.ended"), approved),
    "alarm.opened": _alarm,
    "alarm.closed": _alarm,
    "switch-back": _switch,
    "form.fell-back": lambda evidence: [
        f"{evidence.get('instead')} serves instead of {evidence.get('form')}"
    ],
    "rollback": _rollback,
    "rollout.started": _started,
    "rollout.step": _moved,
    "rollout.promoted": _moved,
    "rollout.aborted": _moved,
    "data.accepted": _data,
    "data.refused": _data,
    "model.registered": _registered,
    "predictions.written": _written,
    "loop.applied": lambda evidence: [f"generation {evidence.get('generation')}"],
}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(values: Document) -> list[tuple[str, object]]:
    return [(name, value) for name, value in values.items() if _is_number(value)]


def _number(value: object) -> str:
    if not _is_number(value):
        return "unknown"
    return f"{value:.0f}" if float(value).is_integer() else legible(value)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} seconds"
