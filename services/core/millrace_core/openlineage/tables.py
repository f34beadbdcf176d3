"""The columns of a service's events that wait to be sent."""

from datetime import datetime

from sqlalchemy import JSON, Integer
from sqlalchemy.orm import Mapped, mapped_column

from millrace_contracts.bodies import Document
from millrace_core.database import UtcDateTime


class LineageMixin:
    """Columns of a service's events: `class LineageEvent(LineageMixin, Table)` in its `tables.py`."""

    __tablename__ = "lineage_events"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    body: Mapped[Document] = mapped_column(JSON)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
