"""Do labels name classes that the champion does not know, often enough that a model could learn them?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pydantic import BaseModel, ConfigDict

from millrace_contracts.counting import counted
from millrace_contracts.newcomers import NewClassRead, NewcomersRead
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors.day import JudgedDay
from millrace_stats.tasks.newcomers import are_enough

CAUSE = "performance:new classes"
REMEMBERED = 100
"""New classes whose labels are counted from day to day, the commonest; of many names with few labels each some go."""
SHOWN = 10
"""New classes of a day that are told by name, and NAMED of them in an alarm."""
NAMED = 3
QUIET_DAYS = 28
"""The alarm ends by itself after so many days without a label of any of them."""


class NewClassDays(BaseModel):
    """Labels of one new class since the champion answers, on how many days, and the last of these."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    labels: int
    days: int
    last: date

    @property
    def enough(self) -> bool:
        """Whether a model could learn it."""
        return are_enough(self.labels, self.days)


@dataclass(frozen=True)
class NewcomersState:
    """By name, since the champion answers."""

    classes: Mapping[str, NewClassDays] = field(default_factory=dict)


@dataclass(frozen=True)
class NewcomersFinding:
    """What is told of the day, None without any, and what calls for action."""

    told: NewcomersRead | None = None
    alarms: tuple[AlarmFinding, ...] = ()
    endings: frozenset[Ending] = frozenset()


def judge(day: JudgedDay, state: NewcomersState) -> tuple[NewcomersFinding, NewcomersState]:
    """An alarm on the day from which a class, or one more, has labels enough to be learnt: a run mends that."""
    after = _plus(state, day)
    risen = [name for name in after if after[name].enough and not _is_enough(state.classes.get(name))]
    finding = NewcomersFinding(_told(day, after), _alarm(day, after, risen), _over(day, after))
    return finding, NewcomersState(after)


def _is_enough(before: NewClassDays | None) -> bool:
    return before is not None and before.enough


def _plus(state: NewcomersState, day: JudgedDay) -> dict[str, NewClassDays]:
    """With today's labels, of the commonest classes."""
    counts = dict(state.classes)
    for name, labels in day.newcomers.items():
        before = counts.get(name)
        labels, days = (labels, 1) if before is None else (before.labels + labels, before.days + 1)
        counts[name] = NewClassDays(labels=labels, days=days, last=day.date)
    kept = sorted(counts, key=lambda name: (-counts[name].labels, name))[:REMEMBERED]
    return {name: counts[name] for name in sorted(kept)}


def _told(day: JudgedDay, after: Mapping[str, NewClassDays]) -> NewcomersRead | None:
    if not day.newcomers:
        return None
    ordered = sorted(day.newcomers.items(), key=lambda item: (-item[1], item[0]))
    return NewcomersRead(
        labels=sum(day.newcomers.values()),
        classes=[_class(name, labels, after.get(name)) for name, labels in ordered[:SHOWN]],
        others=max(0, len(ordered) - SHOWN),
    )


def _class(name: str, labels: int, total: NewClassDays | None) -> NewClassRead:
    if total is None:
        return NewClassRead(value=name, labels=labels, labels_so_far=labels, days_so_far=1)
    return NewClassRead(value=name, labels=labels, labels_so_far=total.labels, days_so_far=total.days)


def _alarm(
    day: JudgedDay, after: Mapping[str, NewClassDays], risen: Iterable[str]
) -> tuple[AlarmFinding, ...]:
    if not (names := sorted(risen, key=lambda name: (-after[name].labels, name))):
        return ()
    enough = [name for name in after if after[name].enough]
    parts = [_words(name, after[name]) for name in names[:NAMED]]
    more = len(enough) - len(parts)
    others = f" and of {counted(more, 'other class', 'other classes')}" if more else ""
    reason = (
        f"{', '.join(parts)}{others}, which version {day.champion} does not know: the next run can learn it"
    )
    evidence = {
        "version": day.champion,
        "classes": {name: {"labels": after[name].labels, "days": after[name].days} for name in names[:SHOWN]},
    }
    return (AlarmFinding("performance", CAUSE, reason, evidence),)


def _words(name: str, total: NewClassDays) -> str:
    return f"{counted(total.labels, 'label')} of class '{name}' on {counted(total.days, 'day')}"


def _over(day: JudgedDay, after: Mapping[str, NewClassDays]) -> frozenset[Ending]:
    quiet = all((day.date - one.last).days >= QUIET_DAYS for one in after.values())
    return frozenset({Ending("performance", CAUSE)}) if quiet else frozenset()
