"""What a framework asks, clause by clause, and which parts of an audit archive speak to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from millrace_contracts.durations import parse
from millrace_contracts.loop import Spec

KINDS: dict[str, str] = {
    "alarms": "alarms.jsonl",
    "cards": "cards/*",
    "champions": "champions.jsonl",
    "data": "data.jsonl",
    "days": "days.jsonl",
    "decisions": "decisions.jsonl",
    "heads": "heads.jsonl",
    "lineage": "versions/*-lineage.json",
    "loop": "loop.json",
    "monitor": "monitor.json",
    "quarantine": "quarantine.jsonl",
    "report": "report.html",
    "runs": "runs.json",
    "verification": "verification.json",
    "versions": "versions/*.json",
}
"""Kinds of evidence, and the files of an archive that hold it."""
SIX_MONTHS = "184d"
"""Six months are at most so many days."""

GROUPS = "fairness"
"""What a clause needs that is about groups of people: a version judged before they were declared compares none."""


def _approval(spec: Spec) -> bool:
    return spec.gates.approval is not None


def _logs(spec: Spec) -> bool:
    return parse(spec.monitoring.retention.logs) >= parse(SIX_MONTHS)


NEEDS: Mapping[str, tuple[str, Callable[[Spec], bool]]] = {
    "approval": ("gates.approval: people who approve what goes into production", _approval),
    GROUPS: (
        "spec.fairness: protected attributes whose groups are compared",
        lambda spec: spec.fairness is not None,
    ),
    "gated groups": ("gates.fairness: how far groups may lie apart", lambda spec: bool(spec.gates.fairness)),
    "logs": (f"monitoring.retention.logs of at least {SIX_MONTHS}", _logs),
    "notify": ("spec.notify: who is told of alarms", lambda spec: spec.notify is not None),
    "oversight": (
        "gates.approval or spec.review: people who decide or look at answers",
        lambda spec: _approval(spec) or spec.review is not None,
    ),
    "review": ("spec.review: answers that people look at", lambda spec: spec.review is not None),
}
"""What a loop has to declare before some evidence says anything, in words, and whether it does."""


@dataclass(frozen=True)
class Clause:
    """One requirement.

    Attributes:
        id: as the framework numbers it.
        asks: what it asks, in our own words.
        evidence: kinds of evidence; none: it is for the organisation, and nothing here covers it.
        shows: what the evidence shows, and what it leaves to people.
        needs: what the loop has to declare; empty: nothing.
    """

    id: str
    asks: str
    evidence: tuple[str, ...] = ()
    shows: str = ""
    needs: str = ""

    def files(self, names: Mapping[str, Any]) -> list[str]:
        """The files of an archive that hold its evidence."""
        wanted = [KINDS[kind] for kind in self.evidence]
        return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted))


@dataclass(frozen=True)
class Framework:
    """A law or standard.

    Attributes:
        name: as it is cited, with its edition.
        note: what the pack is, and is not, under it.
    """

    key: str
    name: str
    note: str
    clauses: tuple[Clause, ...]
