"""What is set aside: numbers of decisions, which the registry keeps."""

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from millrace_core.database import UtcDateTime
from millrace_monitoring.tables import Table


class SetAside(Table):
    """A decision that could not be told to people, by its number in the chain, where it stays to be read again."""

    __tablename__ = "set_aside"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    why: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
