"""Tables of what people are told: channels, who is told of a loop, incidents, and the outbox of messages."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from millrace_contracts.messages import NoticeItem
from millrace_contracts.notices import Channel, Notify
from millrace_core.database import UtcDateTime
from millrace_monitoring.tables import Id, Table, Typed

FORMER = "former #"


class ProjectChannel(Table):
    """A way to tell people of a project's loops."""

    __tablename__ = "channels"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    channel: Mapped[Channel] = mapped_column("spec", Typed(Channel))


class Subscription(Table):
    """A loop that people may be told of, and its own channels."""

    __tablename__ = "subscriptions"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    loop: Mapped[str] = mapped_column(String(63), primary_key=True)
    notify: Mapped[Notify] = mapped_column("spec", Typed(Notify))
    gone: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Its loop is there no more, and the ends of its incidents are still on their way by its channels."""


class FormerChannel(Table):
    """A channel by which nothing new is told of a loop: it was removed, or leads elsewhere, and ends go by it still."""

    __tablename__ = "former_channels"

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    scope: Mapped[str] = mapped_column(String(16))
    channel: Mapped[Channel] = mapped_column("spec", Typed(Channel))

    @property
    def name(self) -> str:
        """By which its messages are known; no channel that people name is called so."""
        return f"{FORMER}{self.number}"


class Incident(Table):
    """What has begun; it ends once, and tells of itself once more then."""

    __tablename__ = "incidents"

    project: Mapped[str] = mapped_column(String(63), primary_key=True)
    loop: Mapped[str] = mapped_column(String(63), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    topic: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text, default="")
    ended: Mapped[bool] = mapped_column(Boolean, default=False)


class Message(Table):
    """One message by one channel, tried until it arrives or is given up; once it was tried, it stays as it is."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_waiting", "state", "number"),
        Index("ix_messages_of", "project", "number"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    channel: Mapped[str] = mapped_column(String(63))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    urgent: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    held: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)


class Telling(Table):
    """One thing in one message: the database keeps that a channel is told it once."""

    __tablename__ = "tellings"
    __table_args__ = (
        Index("uq_tellings_once", "project", "loop", "channel", "key", "moment", unique=True),
        Index("ix_tellings_message", "message"),
    )

    number: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=True)
    message: Mapped[str] = mapped_column(String(36))
    project: Mapped[str] = mapped_column(String(63))
    loop: Mapped[str] = mapped_column(String(63))
    channel: Mapped[str] = mapped_column(String(63))
    key: Mapped[str] = mapped_column(String(200))
    moment: Mapped[str] = mapped_column(String(6))
    item: Mapped[NoticeItem] = mapped_column(Typed(NoticeItem))


class Followed(Table):
    """How far the registry's decisions have been read; one row."""

    __tablename__ = "followed"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    through: Mapped[int] = mapped_column(BigInteger)
