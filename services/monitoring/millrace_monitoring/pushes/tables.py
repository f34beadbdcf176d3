"""Tables of pushes, and monitoring's ledger with what it covers."""

from datetime import datetime

from sqlalchemy import Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from millrace_core.database import UtcDateTime
from millrace_core.ledger.tables import LedgerMixin, cover
from millrace_monitoring.tables import Closing, Id, Table


class LabelPush(Table):
    """One push of labels as it was taken: what stands among the labels is checked against it."""

    __tablename__ = "label_pushes"
    __table_args__ = (
        Index("ix_label_pushes_endpoint", "project", "endpoint"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    endpoint: Mapped[str] = mapped_column(String(63))
    rows: Mapped[int] = mapped_column(Integer)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerRow(LedgerMixin, Table):
    """The digest of every covered row, as it was written."""

    service = "monitoring"


cover(LedgerRow, LabelPush, "label-push")
cover(LedgerRow, Closing, "closed-day")
