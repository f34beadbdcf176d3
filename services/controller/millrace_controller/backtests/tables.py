"""The table of backtests; asking for the same one twice is one row."""

from datetime import datetime

from sqlalchemy import JSON, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from millrace_contracts.waiting import Waiting
from millrace_controller.tables import Json, Table
from millrace_core.database import UtcDateTime


class Backtest(Table):
    """One backtest, with its hidden loop."""

    __tablename__ = "backtests"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(64))
    loop: Mapped[str] = mapped_column(String(63))
    request: Mapped[Json] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(20))
    progress: Mapped[Json] = mapped_column(JSON, default=dict)
    attempts: Mapped[int] = mapped_column(default=0)
    handle: Mapped[Json | None] = mapped_column(JSON)
    result: Mapped[Json | None] = mapped_column(JSON)
    message: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("project", "key"),)

    @property
    def of(self) -> str:
        """Name of the loop as it was declared; empty where an earlier version did not keep it."""
        return str(self.request.get("of") or "")

    @property
    def history(self) -> str:
        """What the file with the history is called."""
        return str(self.request.get("name") or "")

    @property
    def waiting(self) -> Waiting | None:
        """What its pod waits for, if that will not pass by itself."""
        told = (self.handle or {}).get("waiting")
        return None if told is None else Waiting.model_validate(told)
