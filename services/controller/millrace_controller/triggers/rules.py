"""What a closed day calls for: nothing, a run, or the way back; a pure function, so a backtest decides the same."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from millrace import durations
from millrace.loop import Spec


@dataclass(frozen=True)
class Standing:
    """What the rules know of a loop."""

    champion: int | None
    opened_at: datetime | None
    rest_until: datetime | None
    busy: bool
    """A run is in flight, or the route is on its way back."""
    new_rows: int
    unanswered: dict[str, Any] | None = None
    """An alarm that came at a time when no run could be opened."""
    active: bool = True
    """False: paused by a person."""


@dataclass(frozen=True)
class Retrain:
    """Open a run. *cause* says why; *window* is what makes the same trigger the same run."""

    cause: str
    window: str
    reason: str
    evidence: dict[str, Any]


@dataclass(frozen=True)
class GoBack:
    """Change the route back to an archived version."""

    version: int
    reason: str
    evidence: dict[str, Any]


Action = Retrain | GoBack | None


def decide(spec: Spec, standing: Standing, closing: dict[str, Any], through: datetime) -> Action:
    """The one action that a closed day calls for.

    Going back comes before retraining. While a run is in flight nothing else begins; after an opening the cool-down
    has to pass, after a switch the rest; both in event time. An alarm that comes meanwhile is remembered
    (`unanswered`) and opens its run afterwards if it still stands.

    Args:
        closing: monitoring's item for the day: `alarms` (new ones), `standing` (causes found), `switch_back`.
        through: the end of that day.
    """
    if standing.busy or standing.champion is None or not standing.active:
        return None
    return _go_back(spec, standing, closing) or _retrain(spec, standing, closing, through)


def _go_back(spec: Spec, standing: Standing, closing: dict[str, Any]) -> GoBack | None:
    proposal = closing.get("switch_back")
    if not spec.switch_back.enabled or proposal is None or proposal["version"] == standing.champion:
        return None
    evidence = proposal["evidence"]
    gain = evidence.get("gain")
    words = f"{gain:.1%} less loss" if isinstance(gain, float) else "less loss"
    reason = (
        f"version {proposal['version']} has had {words} than version {standing.champion} on the same rows "
        f"for {evidence.get('days', 'several')} days, beyond the sequential test"
    )
    return GoBack(proposal["version"], reason, evidence)


def _retrain(spec: Spec, standing: Standing, closing: dict[str, Any], through: datetime) -> Retrain | None:
    if standing.rest_until is not None and through < standing.rest_until:
        return None
    since = None if standing.opened_at is None else through - standing.opened_at
    if since is not None and since < spec.cooldown_time():
        return None
    return (
        _alarm(spec, standing, closing) or _data(spec, standing) or _schedule(spec, standing, since, through)
    )


def unanswered(spec: Spec, standing: Standing, closing: dict[str, Any]) -> dict[str, Any] | None:
    """The alarm that calls for a run as of this day: a new one, or an earlier one that still stands."""
    for alarm in closing.get("alarms", []):
        if alarm["kind"] in spec.triggers.alarms:
            return alarm
    earlier = standing.unanswered
    return earlier if earlier is not None and earlier["cause"] in closing.get("standing", []) else None


def _alarm(spec: Spec, standing: Standing, closing: dict[str, Any]) -> Retrain | None:
    alarm = unanswered(spec, standing, closing)
    if alarm is None:
        return None
    evidence = {"alarm": alarm["cause"], "kind": alarm["kind"], "evidence": alarm.get("evidence", {})}
    reason = f"alarm {alarm['cause']}: {alarm.get('reason', 'raised')}"
    return Retrain("alarm", f"{alarm['cause']}@{alarm['opened_day']}", reason, evidence)


def _data(spec: Spec, standing: Standing) -> Retrain | None:
    wanted = spec.triggers.new_data
    if wanted is None or standing.new_rows < wanted.rows:
        return None
    evidence = {"new_rows": standing.new_rows, "wanted": wanted.rows}
    return Retrain("data", f"rows-{standing.new_rows}", f"{standing.new_rows} new rows were pushed", evidence)


def _schedule(spec: Spec, standing: Standing, since: timedelta | None, through: datetime) -> Retrain | None:
    if spec.triggers.schedule is None or since is None:
        return None
    period = durations.parse(spec.triggers.schedule)
    if since < period:
        return None
    days = since.total_seconds() / 86_400
    evidence = {"days": days, "schedule": spec.triggers.schedule}
    return Retrain(
        "schedule", through.isoformat(), f"{days:.0f} days since the last run was opened", evidence
    )


def key(project: str, loop: str, generation: int, cause: str, window: str) -> str:
    """Idempotency key of a run: the same trigger told twice, or a thousand times, is one run."""
    content = "\n".join((project, loop, str(generation), cause, window))
    return hashlib.sha256(content.encode()).hexdigest()[:40]
