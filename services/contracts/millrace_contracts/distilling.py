"""Distillation: one small model that was taught the answers of an ensemble, and how that can be done again."""

from typing import Annotated

from pydantic import Field

from millrace_contracts.fixed import Count, Finite, Fixed
from millrace_contracts.names import Digest, Family

Setting = Annotated[str, Field(max_length=50)]


class Distillation(Fixed):
    """Whose answers a small model was taught, on which rows, and what the same model learns from labels alone."""

    teacher: Digest = Field(description="The graph whose answers were taught.")
    family: Family
    params: dict[Setting, int | Finite] = Field(max_length=20, description="Settings of the small model.")
    rows: Count = Field(description="Rows of the training window on which it was taught.")
    made_up: Count = Field(
        description="Rows beside these of which some cells are those of other rows of the window."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    drawn: Digest = Field(description="Of the rows' digests, in order: the same rows have the same one.")
    size: int = Field(ge=1, le=100, description="Which of the sizes it is, the smallest first.")
    sizes: int = Field(ge=1, le=100, description="Of how many that would have been tried.")
    parity_rows: Count = Field(
        description="Real and hostile rows on which graph and trained model were compared; none differed."
    )
    parity_largest: Finite = Field(
        description="Largest difference, in standard deviations of the target or in probability."
    )
    by_labels: Finite | None = Field(
        default=None, description="Mean loss on the unseen rows of the same model fitted to the labels."
    )
