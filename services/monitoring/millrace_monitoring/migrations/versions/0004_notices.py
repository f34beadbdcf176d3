"""People are told by channels of many kinds; webhooks become channels, and what was on its way to them goes on.

The tables of webhooks stay as they are, for a version before this one.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TOPICS = {"alarm.opened": ["alarms", "refused-data"], "alarm.closed": [], "switch-back": ["rollbacks"]}
"""What a webhook was told, in the words of channels: an alarm's end is told to whoever was told of its beginning."""


def upgrade() -> None:
    channels = op.create_table(
        "channels",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_channels"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "loop", name="pk_subscriptions"),
    )
    op.create_table(
        "incidents",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=20), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project", "loop", "key", name="pk_incidents"),
    )
    messages = op.create_table(
        "messages",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=True),
        sa.Column("done_at", UtcDateTime, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("held", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
    )
    op.create_index("ix_messages_of", "messages", ["project", "number"])
    op.create_index("ix_messages_waiting", "messages", ["state", "number"])
    tellings = op.create_table(
        "tellings",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("message", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("channel", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("moment", sa.String(length=6), nullable=False),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_tellings"),
    )
    op.create_index("ix_tellings_message", "tellings", ["message"])
    once = ["project", "loop", "channel", "key", "moment"]
    op.create_index("uq_tellings_once", "tellings", once, unique=True)
    op.create_table(
        "followed",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_followed"),
    )
    _keep_webhooks(channels)
    _keep_on_its_way(messages, tellings)


def _keep_webhooks(channels: sa.Table) -> None:
    hooks = sa.table(
        "webhooks", sa.column("project"), sa.column("name"), sa.column("url"), sa.column("events", sa.JSON())
    )
    for hook in op.get_bind().execute(sa.select(hooks)).all():
        tell = list(dict.fromkeys(topic for event in hook.events for topic in TOPICS.get(event, [])))
        spec = {"webhook": {"url": hook.url}, "tell": tell}
        op.execute(channels.insert().values(project=hook.project, name=hook.name, spec=spec))


def _keep_on_its_way(messages: sa.Table, tellings: sa.Table) -> None:
    sent = sa.table(
        "deliveries", *(sa.column(name) for name in ("id", "project", "webhook", "done", "attempts")),
        sa.column("body", sa.JSON()), sa.column("next_at", UtcDateTime),
    )  # fmt: skip
    waiting = sa.select(sent).where(sent.c.done.is_(sa.false()))
    for row in op.get_bind().execute(waiting).all():
        alarm = row.body.get("alarm")
        if alarm is None or row.body.get("event") != "alarm.opened":
            continue
        now = datetime.now(UTC)
        mine = {"project": row.project, "loop": alarm["endpoint"], "channel": row.webhook}
        key, message = f"alarm {alarm['id']}", str(uuid.uuid4())
        values = {
            "id": message,
            "state": "waiting",
            "urgent": False,
            "created_at": now,
            "next_at": row.next_at,
        }
        op.execute(messages.insert().values(**mine, **values, attempts=0))
        item = _item(alarm, key, now)
        op.execute(tellings.insert().values(**mine, message=message, key=key, moment="begins", item=item))


def _item(alarm: dict[str, Any], key: str, now: datetime) -> dict[str, Any]:
    topic = "refused-data" if alarm["kind"] == "quarantine" else "alarms"
    return {
        "topic": topic, "moment": "begins", "key": key, "title": f"{alarm['kind']} alarm",
        "words": alarm["reason"][:4000], "at": now.isoformat(), "event_time": None, "decision": alarm["id"],
    }  # fmt: skip


def downgrade() -> None:
    for name in ("followed", "tellings", "messages", "incidents", "subscriptions", "channels"):
        op.drop_table(name)
