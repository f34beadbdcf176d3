"""What a closed day can say: a sign of trouble, before anybody knows whether an alarm is open for it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sign:
    """Something that calls for action today; *cause* names it for as long as it lasts."""

    kind: str
    cause: str
    reason: str
    evidence: dict[str, Any]
