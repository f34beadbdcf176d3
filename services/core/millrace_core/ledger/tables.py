"""The ledger's table, and which tables of a service it covers."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Boolean, Date, DateTime, Float, Index, Integer, LargeBinary, String, inspect
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from millrace_core.database import UtcDateTime
from millrace_core.ledger import chain

Reader = Callable[[Any], Any]


class LedgerMixin:
    """Columns of a service's ledger: `class LedgerRow(LedgerMixin, Table)` in its `tables.py`."""

    __tablename__ = "ledger"
    service: ClassVar[str]
    """Whose ledger it is; what nobody asked for is written by that service."""

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(40))
    project: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(400))
    digest: Mapped[str] = mapped_column(String(71))
    actor: Mapped[str] = mapped_column(String(253))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    previous: Mapped[str] = mapped_column(String(71))
    hash: Mapped[str] = mapped_column(String(71))

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Index, ...]:
        return (Index("ix_ledger_key", "kind", "key", "number"),)


@dataclass(frozen=True)
class Cover:
    """One table whose rows the ledger covers: under which kind, and what of them."""

    ledger: Any
    table: Any
    kind: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    readers: tuple[Reader, ...]
    """For each column what makes of the stored value what is hashed."""

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


COVERED: dict[Any, Cover] = {}


def cover(ledger: Any, table: Any, kind: str, *columns: str) -> None:
    """From now on the ledger covers *columns* of *table* (none: all of them)."""
    mapper = inspect(table)
    chosen = columns or tuple(item.key for item in mapper.column_attrs)
    keys = tuple(mapper.get_property_by_column(column).key for column in mapper.primary_key)
    readers = tuple(_reader(getattr(table, name).type) for name in chosen)
    COVERED[table] = Cover(ledger, table, kind, chosen, keys, readers)


def covers(ledger: Any) -> list[Cover]:
    """What a service's ledger covers."""
    return [item for item in COVERED.values() if item.ledger is ledger]


def _reader(kind: Any) -> Reader:
    plain = kind.impl if isinstance(kind, TypeDecorator) else kind
    readers: dict[type, Reader] = {
        JSON: chain.document, DateTime: chain.moment, Date: chain.day, LargeBinary: chain.sha256,
        Boolean: bool, Float: _number,
    }  # fmt: skip
    found = next((reader for known, reader in readers.items() if isinstance(plain, known)), _same)
    return lambda value: None if value is None else found(value)


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int | float) else value


def _same(value: Any) -> Any:
    return value
