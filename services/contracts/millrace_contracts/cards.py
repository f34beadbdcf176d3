"""Model cards: everything that is known of one version, in one object that a document is written from."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from millrace_contracts.audit import SignedHead
from millrace_contracts.bodies import Document, Read
from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.learning import EvaluateResult
from millrace_contracts.lineage import LineageRead
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.models import AliasMoveRead, ModelVersionRead

CardFormat = Literal["json", "markdown", "html"]
INTENDED_USE, NOT_FOR = "millrace.dev/intended-use", "millrace.dev/not-for"
"""Annotations of a loop in which people say what its models are for, and what not."""

NO_GROUPS = "Nothing is known of groups of people."
"""Stands in a card that compares none, so that it is no evidence of such a comparison."""


class ModelCard(Read):
    """What one version is, how good it is, made of what, and decided by whom."""

    format: Literal["millrace-model-card/1"] = "millrace-model-card/1"
    project: str
    loop: str
    told_at: datetime = Field(description="When this was put together, on the clock.")
    declared: Document | None = Field(description="The loop's document as it stands; null: it was deleted.")
    release: ModelVersionRead = Field(description="The version, without its golden rows.")
    lineage: LineageRead
    run: LoopRunRead | None = Field(description="The run that made it; null: no run did.")
    evaluation: EvaluateResult | None = Field(description="What it was judged by; null: that is not kept.")
    moves: list[AliasMoveRead] = Field(description="Moves of the champion to and from this version.")
    live: FairnessWindow | None = Field(
        default=None, description="Groups over closed days; null: the loop declares none, or none has closed."
    )
    unknown: list[str] = Field(description="What could not be told now, and why.")


class SignedCard(BaseModel):
    """The file beside a card: the digests of its documents, and the registry's signature over them."""

    manifest: str = Field(description="JSON with the digest of each file, byte for byte as it was signed.")
    signed: SignedHead
