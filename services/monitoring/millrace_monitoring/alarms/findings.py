"""What a closed day says of alarms, before anybody knows which are open: what was found, and what is over."""

from dataclasses import dataclass

from millrace_contracts.alarms import AlarmKind
from millrace_contracts.bodies import Document

LONGEST_CAUSE = 300
"""Characters of a cause that the database keeps."""


@dataclass(frozen=True)
class AlarmFinding:
    """Something that calls for action today; *cause* names it for as long as it lasts."""

    kind: AlarmKind
    cause: str
    reason: str
    evidence: Document


@dataclass(frozen=True)
class Ending:
    """Open alarms that end today unless a finding repeats their cause: one *cause*, or all of the *kind* (None)."""

    kind: AlarmKind
    cause: str | None = None

    def covers(self, kind: str, cause: str) -> bool:
        """Whether it ends an alarm of this kind and cause."""
        return kind == self.kind and self.cause in (None, cause)
