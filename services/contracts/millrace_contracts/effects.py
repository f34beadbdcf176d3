"""What a model looks at: the importance of its inputs, and how its answer moves with one, on average over rows."""

from typing import Literal

from pydantic import BaseModel, Field

EffectKind = Literal["number", "boolean", "timestamp", "category"]


class Importance(BaseModel):
    """Loss that is added when a column is shuffled."""

    column: str
    loss_added: float


class EffectPoint(BaseModel):
    """The effect at one value of a column."""

    at: float = Field(description="The value; of a timestamp seconds since 1970 UTC.")
    moved: list[float] = Field(description="By how much the answer is moved: one number for each output.")


class CategoryEffect(BaseModel):
    """The effect of one category."""

    value: str = Field(description="The category; empty: none is said.")
    rows: int = Field(description="Rows of the sample that have it.")
    moved: list[float] = Field(description="As of a point.")


class Effect(BaseModel):
    """One column's effect. The mean over the rows of the sample (of the categories told) is nought."""

    column: str
    kind: EffectKind
    outputs: list[str] = Field(
        description="What is moved: the target in its own unit, or the probabilities of these classes."
    )
    of_classes: bool = Field(description="Whether the numbers are differences of probabilities.")
    rows: int = Field(description="Rows of the sample that have a value.")
    points: list[EffectPoint] = Field(
        default=[],
        description="Of what has an order: accumulated local effects, by value; empty for a category.",
    )
    categories: list[CategoryEffect] = Field(
        default=[], description="Of a category: the most frequent ones, the most frequent first."
    )
