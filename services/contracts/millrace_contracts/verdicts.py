"""What the gates say of a candidate."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["passed", "failed", "inconclusive"]


class GateResult(BaseModel):
    """One gate's verdict, with its numbers."""

    model_config = ConfigDict(extra="allow")

    name: str
    verdict: Verdict
    reason: str


class GatesVerdict(BaseModel):
    """Failed if any gate failed, else inconclusive if any is, else passed."""

    verdict: Verdict
    reason: str
    gates: list[GateResult]
