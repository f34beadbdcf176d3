"""Explanations: what each input of a row contributes to its answer; contributions add up to it."""

from typing import Literal

from pydantic import BaseModel, Field

from millrace_contracts.logged import FeatureValue
from millrace_contracts.names import VersionNumber
from millrace_contracts.parts import Strictly

MOST_EXPLAINED = 10
"""Rows of one request that are explained."""
EXPLAINED_WITHIN = 5.0
"""Seconds that explanations may take beside an answer, altogether: then the answer goes without them."""
ExplanationUnit = Literal["number", "log-odds"]
ExplanationMethod = Literal["trees", "coalitions", "permutations"]


class ExplainWrite(Strictly):
    """Rows to be explained, and by which version."""

    version: VersionNumber
    rows: list[dict[str, FeatureValue]] = Field(min_length=1, max_length=MOST_EXPLAINED)


class Contribution(BaseModel):
    """What one input moves."""

    column: str
    contribution: float = Field(description="In the explanation's unit; above 0 it moves the answer up.")
    error: float | None = Field(description="Its standard error; null: it is exact.")


class RowExplanation(BaseModel):
    """Why one row was answered as it was: base + contributions = answer."""

    unit: ExplanationUnit = Field(
        description="number: the answer's own; log-odds: of the class against all others."
    )
    of: str | None = Field(description="The class whose log-odds these are; null for numbers.")
    base: float = Field(description="The mean answer of the background rows.")
    answer: float = Field(description="What base and contributions add up to: the row's own answer.")
    method: ExplanationMethod = Field(
        description="trees: TreeSHAP, exact; coalitions: all of them asked, exact; permutations: estimated."
    )
    contributions: list[Contribution] = Field(description="One for each input, the largest first.")


class Explanations(BaseModel):
    """One explanation a row."""

    version: int
    background: int = Field(description="Rows that stand for all others: the version's golden rows.")
    rows: list[RowExplanation]
