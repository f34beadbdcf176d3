"""How revisions did beside each other: their traffic by listener, and mirrored rows that two of them answered."""

from datetime import date, datetime

from pydantic import BaseModel, Field


class ArmRead(BaseModel):
    """How one revision did on one listener in a span of event time."""

    revision: str
    listener: str
    requests: int
    keys: int = Field(description="Distinct sticky keys; a request without one is a key of its own.")
    failed_keys: int = Field(
        description="Keys that the revision failed; a client's fault (4xx) is not its own."
    )
    refused: int = Field(default=0, description="Requests refused for what their client sent (4xx).")
    slow_keys: int
    rows: int
    nan: int = Field(description="Rows whose answer is no finite number.")
    constant: bool = Field(description="Whether all of many answers are the same.")


class PairingRead(BaseModel):
    """Two revisions on the same mirrored rows; losses are means over the pairs with a label."""

    first: str
    second: str
    pairs: int
    psi: float | None
    labelled: int
    first_loss: float | None
    second_loss: float | None


class PairedDay(PairingRead):
    """The same of one closed day."""

    day: date


class MirroredRead(BaseModel):
    """The pairing with the most rows, all of them, and those of closed days."""

    pairs: int = 0
    psi: float | None = None
    labelled: int = 0
    loss_difference: float | None = Field(default=None, description="Shadow less answered.")
    pairings: list[PairingRead] = []
    labelled_days: int = 0
    days: list[PairedDay] = []


class ArmsRead(BaseModel):
    """How each revision did in a span of event time."""

    since: datetime
    until: datetime
    revisions: list[ArmRead]
    mirrored: MirroredRead
