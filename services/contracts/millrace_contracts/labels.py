"""Labels: the truth about rows that were predicted, and what became of those that were sent."""

from pydantic import AwareDatetime, BaseModel, Field

from millrace_contracts.names import RequestId, ShortText
from millrace_contracts.parts import Strictly


class LabelWrite(Strictly):
    """The truth about one row."""

    request_id: RequestId = Field(description="As it came back with the answer.")
    index: int = Field(default=0, ge=0, le=2**31 - 1, description="The row's place in its request.")
    value: bool | int | float | ShortText = Field(description="The number, or the class.")
    at: AwareDatetime = Field(description="When it became known; a later one corrects an earlier one.")


class LabelsWrite(Strictly):
    """Labels, and how far they are complete."""

    labels: list[LabelWrite] = Field(default=[], max_length=100_000)
    complete_through: AwareDatetime | None = Field(
        default=None,
        description="Every event before this instant has arrived and is labelled as far as it ever will be.",
    )


class LabelsRead(BaseModel):
    """What became of them."""

    new: int = Field(description="Rows that had no label before.")
    corrected: int
    unchanged: int = Field(description="Repeats, and labels older than the one that is known.")
    labelled: int = Field(description="Rows with a label, of all time.")
