"""What a closed day says of alarms, before anybody knows which are open: what was found, and what is over."""

from dataclasses import dataclass

from millrace_contracts.alarms import AlarmKind
from millrace_contracts.bodies import Document

LONGEST_CAUSE = 300
"""Characters of a cause that the database keeps."""
SLICE = ":slice:"
"""In a cause: what follows names the slice that it is of."""


@dataclass(frozen=True)
class AlarmFinding:
    """Something that calls for action today; *cause* names it for as long as it lasts."""

    kind: AlarmKind
    cause: str
    reason: str
    evidence: Document


@dataclass(frozen=True)
class Ending:
    """Open alarms that end today unless a finding repeats their cause: one *cause*, or all of the *kind* (None).

    but: causes of the kind that go on, with those of their slices: today says nothing of them yet.
    """

    kind: AlarmKind
    cause: str | None = None
    but: frozenset[str] = frozenset()

    def covers(self, kind: str, cause: str) -> bool:
        """Whether it ends an alarm of this kind and cause."""
        if kind != self.kind or self.cause not in (None, cause):
            return False
        return cause not in self.but and cause.partition(SLICE)[0] not in self.but
