"""What the gates say of a candidate."""

import math
from typing import Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.names import VersionNumber
from millrace_contracts.parts import unsaid

Verdict = Literal["passed", "failed", "inconclusive"]


class GateResult(BaseModel):
    """One gate's verdict, with its numbers."""

    model_config = ConfigDict(extra="allow")

    name: str
    verdict: Verdict
    reason: str

    def number(self, *names: str) -> float | None:
        """The first of these numbers that the gate tells and that is finite."""
        told = ((self.model_extra or {}).get(name) for name in names)
        return next((float(value) for value in told if _finite(value)), None)


def _finite(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and math.isfinite(value)


class GatesVerdict(BaseModel):
    """Failed if any gate failed, else inconclusive if any is, else passed."""

    verdict: Verdict
    reason: str
    gates: list[GateResult]
    back: VersionNumber | None = Field(
        default=None,
        exclude_if=unsaid,
        description="The archived version that is to answer, as it is better than candidate and champion; "
        "left out: none.",
    )
