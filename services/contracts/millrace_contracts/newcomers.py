"""Classes that labels name and the version in production does not know."""

from typing import Annotated

from pydantic import BaseModel, Field

from millrace_contracts.parts import unsaid
from millrace_contracts.signature import Classes

KnownClasses = Annotated[
    Classes | None,
    Field(
        exclude_if=unsaid,
        description="Those of the version in production; others need rows enough on days enough to be learnt, and "
        "feedback may bring them. Left out: every class of the data is learnt.",
    ),
]


class NewClassRead(BaseModel):
    """A class that the champion does not know, as labels name it."""

    value: str = Field(description="The class as text.")
    labels: int = Field(description="Of this day's rows.")
    labels_so_far: int = Field(description="Since the champion answers.")
    days_so_far: int


class NewcomersRead(BaseModel):
    """Labels of classes that the champion does not know: for each it was wrong."""

    labels: int
    classes: list[NewClassRead] = Field(description="The ten commonest of the day.")
    others: int = Field(description="How many classes more.")
