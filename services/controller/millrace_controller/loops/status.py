"""Where a loop stands, as people ask for it: a phase, who answers, conditions; a pure function of what is stored."""

from millrace.watching import plain
from millrace_contracts.loop_runs import StepRead
from millrace_contracts.status import Condition, LoopStatus, Member, Phase, RunStatus
from millrace_controller.hints import line
from millrace_controller.loops import approving, held, judged, notified, scaled, timed
from millrace_controller.loops.quarantine import QUARANTINED, quarantined
from millrace_controller.loops.texts import cut
from millrace_controller.runs.states import BUSY, IN_FLIGHT, State
from millrace_controller.tables import Loop, Run
from millrace_core.waiting import QUEUED

STEPS: dict[str, Phase] = {
    **dict.fromkeys(("ingest", "validate"), "Validating"),
    "train": "Training",
    **dict.fromkeys(("evaluate", "gate", "compress", "register", "roll-out"), "Gating"),
}
"""The phase that each step of a run belongs to."""
MIRRORING = "mirroring"


def of(loop: Loop, newest: Run | None, digest: str | None, ignored: list[str], generation: int) -> LoopStatus:
    """The status of a loop.

    Args:
        newest: the loop's newest run, in flight or not.
        digest: of the champion's release unit.
        ignored: options that the present environment cannot honour, each as a sentence.
        generation: the one that the conditions speak of.
    """
    flight = _flight(newest)
    candidate = _candidate(flight)
    told = [
        _ready(loop, newest),
        _progressing(loop, flight, newest),
        data_valid(loop, newest),
        _trained(newest),
        judged.passed(newest),
        _rolled_out(newest),
        _drift(loop),
        stalled(loop, newest),
        _options(ignored),
        *held.conditions(loop),
        *timed.conditions(loop),
        *approving.conditions(loop, newest),
        *notified.conditions(loop),
        *scaled.conditions(loop),
    ]
    for condition in told:
        condition.observed_generation = generation
        condition.message = cut(condition.message, _whole(loop, newest))
    return LoopStatus(
        observed_generation=generation,
        project=loop.project,
        phase=phase(loop, newest),
        champion=_champion(loop, digest, candidate),
        candidate=candidate,
        run=None if newest is None else _run(newest, _whole(loop, newest)),
        gates=judged.gates(newest),
        conditions=told,
    )


def phase(loop: Loop, newest: Run | None) -> Phase:
    """The sum of it, in one word."""
    flight = _flight(newest)
    if flight is not None:
        return _phase_of(flight)
    if loop.state == "paused":
        return "Suspended"
    if loop.champion is not None:
        return "Serving"
    ends: dict[str, Phase] = {
        "rejected": "Rejected",
        "refused": "Rejected",
        "failed": "Failed",
        "aborted": "Failed",
    }
    return "Pending" if newest is None else ends.get(newest.state, "Pending")


def _phase_of(flight: Run) -> Phase:
    if flight.state == State.AWAITING_APPROVAL:
        return "AwaitingApproval"
    if flight.state == State.ROLLING_OUT:
        return "Shadow" if flight.traffic is not None and flight.traffic.state == MIRRORING else "Canary"
    step = step_of(flight)
    return "Pending" if step is None else STEPS.get(step, "Gating")


def _flight(newest: Run | None) -> Run | None:
    known = newest is not None and newest.state in IN_FLIGHT
    return newest if known else None


def step_of(run: Run) -> str | None:
    """The step that a run is at, or was at when it ended."""
    running = [name for name, step in run.steps.items() if step.state != "succeeded"]
    return running[-1] if running else next(reversed(run.steps), None)


def _candidate(flight: Run | None) -> Member | None:
    if flight is None or flight.version is None:
        return None
    weight = 0.0 if flight.traffic is None else flight.traffic.weight
    since = None if flight.opened_at is None else flight.opened_at.isoformat()
    return Member(version=flight.version, digest=flight.digest, weight=weight, run=flight.number, since=since)


def _champion(loop: Loop, digest: str | None, candidate: Member | None) -> Member | None:
    if loop.champion is None:
        return None
    weight = 100.0 - (0.0 if candidate is None else candidate.weight or 0.0)
    since = None if loop.champion_since is None else loop.champion_since.isoformat()
    pods = loop.replicas if scaled.scales(loop) else None
    return Member(version=loop.champion, digest=digest, weight=weight, since=since, replicas=pods)


def _whole(loop: Loop, newest: Run | None) -> str:
    """Where people read what a status has no room for."""
    run = line(loop.project, f"runs show {loop.name} {newest.number}" if newest else f"watch {loop.name}")
    return f"cut; see {run}, {line(loop.project, 'data quarantine list')}"


def _run(newest: Run, whole: str) -> RunStatus:
    cause = newest.cause.reason or newest.cause.kind
    return RunStatus(
        number=newest.number,
        state=newest.state,
        step=step_of(newest),
        cause=cut(cause, whole),
        message=cut(newest.message, whole) or None,
    )


def _ready(loop: Loop, newest: Run | None) -> Condition:
    if loop.champion is not None:
        without = ", without the data that was refused" * (data_valid(loop, newest).status == "False")
        words = f"Version {loop.champion} answers{without}."
        return Condition(type="Ready", status="True", reason="Serving", message=words)
    if newest is None:
        push = f"data push {loop.name} FILE"
        words = loop.message or f"It waits for data; push some with {line(loop.project, push)}."
        reason = "DataRefused" if quarantined(loop.message) else "NoData"
    else:
        words = f"Run {newest.number} is {newest.state}" + (f": {newest.message}" if newest.message else "")
        reason = "DataRefused" if newest.state == State.REFUSED else "NoChampion"
    return Condition(type="Ready", status="False", reason=reason, message=words)


def _progressing(loop: Loop, flight: Run | None, newest: Run | None) -> Condition:
    intent = loop.route_intent
    if intent is not None:
        words = f"Back to version {intent.version}: {intent.reason}"
        return Condition(type="Progressing", status="True", reason="GoingBack", message=words)
    if flight is not None:
        reason, words = _waits(flight) or _going(flight)
        return Condition(type="Progressing", status="True", reason=reason, message=words)
    reason, words = _resting(loop, newest)
    return Condition(type="Progressing", status="False", reason=reason, message=words)


def _waits(run: Run) -> tuple[str, str] | None:
    """Why a pod of the run does not do its work, in the cluster's words."""
    if run.waiting is None:
        return None
    step = "roll-out" if run.state == State.ROLLING_OUT else step_of(run) or "its pipeline"
    return run.waiting.reason, f"Run {run.number}, {step}: {run.waiting.message}"


def _going(flight: Run) -> tuple[str, str]:
    if flight.state == State.AWAITING_APPROVAL:
        return "AwaitingApproval", f"Run {flight.number}: {approving.told(flight)}"
    if flight.state == State.ROLLING_OUT:
        return _rolling(flight)
    step = step_of(flight)
    if step is None:
        return "Pending", f"Run {flight.number} is opened: {flight.cause.reason}"
    message = flight.message or plain(flight.steps[step].message or "is going on")
    return step.title().replace("-", ""), f"Run {flight.number}, {step}: {message}"


def _rolling(flight: Run) -> tuple[str, str]:
    traffic = flight.traffic
    if traffic is not None and traffic.state == MIRRORING:
        return "Mirroring", f"Version {flight.version} sees copies of requests; nobody sees its answers."
    if traffic is None or traffic.state != "canary":
        return "Loading", f"Version {flight.version} is being loaded."
    place = "" if traffic.step is None else f", step {traffic.step + 1} of {traffic.steps}"
    return "CanaryStep", f"Version {flight.version} answers {traffic.weight:g} % of the requests{place}."


def _resting(loop: Loop, newest: Run | None) -> tuple[str, str]:
    if loop.state == "paused":
        return "Suspended", "It opens no more runs until it is resumed."
    if newest is None:
        return "WaitingForData", "No run has been opened yet."
    words = f"Run {newest.number} ended {newest.state}" + (f": {newest.message}" if newest.message else "")
    return newest.state.title().replace("-", ""), words


def _named_step(newest: Run | None, step: str) -> StepRead | None:
    return None if newest is None else newest.steps.get(step)


def data_valid(loop: Loop, newest: Run | None) -> Condition:
    if refused := quarantined(loop.message):
        return Condition(type="DataValid", status="False", reason="Quarantined", message=refused)
    if newest is not None and newest.state == State.REFUSED:
        return Condition(type="DataValid", status="False", reason="Refused", message=newest.message)
    step = _named_step(newest, "validate")
    if step is not None and step.state == "succeeded":
        return Condition(type="DataValid", status="True", reason="Accepted")
    if broken := next(filter(None, (_broken(newest, name) for name in ("ingest", "validate"))), None):
        return Condition(type="DataValid", status="Unknown", reason="NotRead", message=broken)
    return Condition(type="DataValid", status="Unknown", reason="NotChecked")


def _broken(newest: Run | None, name: str) -> str | None:
    """Why the data of the newest run was not read to its end, if that step failed: nothing is known of the data."""
    step = _named_step(newest, name)
    return f"{name} failed: {plain(step.message)}" if step is not None and step.state == "failed" else None


def _trained(newest: Run | None) -> Condition:
    step = _named_step(newest, "train")
    state, message = (None, "") if step is None else (step.state, plain(step.message))
    if state == "succeeded":
        return Condition(type="Trained", status="True", reason="Trained", message=message)
    if state == "failed":
        return Condition(type="Trained", status="False", reason="Failed", message=message)
    return Condition(
        type="Trained", status="Unknown", reason="Running" if state else "NotTrained", message=message
    )


def _rolled_out(newest: Run | None) -> Condition:
    state = None if newest is None else newest.state
    message = "" if newest is None else newest.message
    if state == State.PROMOTED:
        return Condition(type="RolledOut", status="True", reason="Promoted", message=message)
    if state == State.ABORTED:
        return Condition(type="RolledOut", status="False", reason="Aborted", message=message)
    if state == State.ROLLING_OUT:
        return Condition(type="RolledOut", status="False", reason="RollingOut", message=_rolling(newest)[1])  # type: ignore[arg-type]
    return Condition(type="RolledOut", status="Unknown", reason="NoRollout")


def _drift(loop: Loop) -> Condition:
    causes = [cause for cause in loop.causes if cause.split(":")[0] == "drift"]
    if causes:
        words = f"Found as of {loop.settled_through:%Y-%m-%d}: {', '.join(causes)}"
        return Condition(type="DriftDetected", status="True", reason="Drift", message=words)
    if loop.settled_through is None:
        return Condition(type="DriftDetected", status="Unknown", reason="NotWatched")
    return Condition(type="DriftDetected", status="False", reason="NoDrift")


def stalled(loop: Loop, newest: Run | None) -> Condition:
    waits = None if newest is None else _waits(newest)
    if waits is not None and waits[0] != QUEUED:
        return Condition(type="Stalled", status="True", reason=waits[0], message=waits[1])
    if loop.message and not (loop.champion and loop.message.startswith(QUARANTINED)):
        return Condition(type="Stalled", status="True", reason="Blocked", message=loop.message)
    if newest is not None and newest.state == State.FAILED:
        return Condition(type="Stalled", status="True", reason="RunFailed", message=newest.message)
    if newest is not None and newest.state in BUSY and newest.message:
        return Condition(type="Stalled", status="True", reason="Waiting", message=newest.message)
    return Condition(type="Stalled", status="False", reason="NothingInTheWay")


def _options(ignored: list[str]) -> Condition:
    if ignored:
        return Condition(
            type="OptionsIgnored", status="True", reason="NotHonouredHere", message=" ".join(ignored)
        )
    return Condition(type="OptionsIgnored", status="False", reason="AllHonoured")
