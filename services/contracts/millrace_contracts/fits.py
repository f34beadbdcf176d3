"""How a model's answers lie beside the truth on the rows it was judged on: calibration, or errors of numbers."""

from pydantic import BaseModel, Field


class CalibrationPoint(BaseModel):
    """Rows whose predicted probability was about the same."""

    predicted: float = Field(description="Mean of what was predicted, in [0, 1].")
    observed: float = Field(description="Share of the rows for which it was so, in [0, 1].")


class CalibrationCurve(BaseModel):
    """How often it was so where so much was predicted, by tenths of the probability scale."""

    title: str
    what: str = Field(description="What was predicted.")
    points: list[CalibrationPoint]


class ErrorSpan(BaseModel):
    """Errors (answer minus truth) of the rows whose answers lie in one tenth of all answers, in the target's unit."""

    rows: int
    lowest: float = Field(description="Smallest answer of these rows.")
    highest: float = Field(description="Largest answer of these rows.")
    p10: float = Field(description="A tenth of the errors is below it.")
    p50: float = Field(description="The median error.")
    p90: float = Field(description="A tenth of the errors is above it.")


class FitEvaluation(BaseModel):
    """What is drawn of it; both are empty where nothing can be told."""

    calibration: list[CalibrationCurve] = []
    errors: list[ErrorSpan] = Field(default=[], description="Of a regression, in the order of its answers.")
