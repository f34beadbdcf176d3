"""Models that are compared on the same rows: a candidate, the champion, and archived versions that may come back."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

from millrace_contracts.names import VersionNumber
from millrace_contracts.release import Files
from millrace_contracts.signature import Signature


class Contender(BaseModel):
    """A model as an evaluation needs it."""

    model_config = ConfigDict(extra="ignore")

    files: Files
    signature: Signature | None = None
    trained_through: AwareDatetime | None = None
    holdout_from: AwareDatetime | None = None


class ArchivedContender(Contender):
    """An archived version that may answer instead of the candidate, and instead of the champion."""

    version: VersionNumber


class ArchivedBlock(BaseModel):
    """Mean losses on the same rows of a block: those that none of the models had seen."""

    block: str
    n: int
    archived: float
    candidate: float
    champion: float


class ArchivedEvaluation(BaseModel):
    """How an archived version does beside candidate and champion."""

    version: VersionNumber
    blocks: list[ArchivedBlock]
