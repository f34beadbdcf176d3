"""Names of classes that no version knew when labels named them."""

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from millrace_core.ledger.tables import cover
from millrace_monitoring.pushes.tables import LedgerRow
from millrace_monitoring.tables import Table


class NumberedClass(Table):
    """A class that no version knew: labels of it have the value -*number*, which stays its own."""

    __tablename__ = "new_classes"
    __table_args__ = (Index("uq_new_classes_name", "project", "endpoint", "name", unique=True),)

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    endpoint: Mapped[str] = mapped_column(String(63), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)


cover(LedgerRow, NumberedClass, "new-class")
