"""Everything monitoring keeps."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("opened_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("closed_day", sa.Date(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    op.create_index(op.f("ix_alarms_state"), "alarms", ["state"], unique=False)
    op.create_index(
        "uq_alarms_open",
        "alarms",
        ["project", "endpoint", "cause"],
        unique=True,
        sqlite_where=sa.text("state != 'closed'"),
        postgresql_where=sa.text("state != 'closed'"),
    )
    op.create_table(
        "closings",
        sa.Column("seq", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("through", UtcDateTime, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("labelled", sa.Integer(), nullable=False),
        sa.Column("champion", sa.Integer(), nullable=True),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.Column("profile", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(length=71), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_closings")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_closings_digest"), "closings", ["digest"], unique=False)
    op.create_index("uq_closings_day", "closings", ["project", "endpoint", "day"], unique=True)
    op.create_table(
        "comparisons",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("first", sa.String(length=80), nullable=False),
        sa.Column("second", sa.String(length=80), nullable=False),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "project", "endpoint", "day", "kind", "first", "second", name=op.f("pk_comparisons")
        ),
    )
    op.create_table(
        "counts",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.String(length=80), nullable=False),
        sa.Column("listener", sa.String(length=16), nullable=False),
        sa.Column("offered", sa.BigInteger(), nullable=False),
        sa.Column("written", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", "revision", "listener", name=op.f("pk_counts")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("webhook", sa.String(length=63), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_done"), "deliveries", ["done"], unique=False)
    op.create_table(
        "labels",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", "request_id", "index", name=op.f("pk_labels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lineups",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("effective_from", UtcDateTime, nullable=True),
        sa.Column("champion", sa.JSON(), nullable=False),
        sa.Column("archived", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lineups")),
    )
    op.create_index("ix_lineups_endpoint", "lineups", ["project", "endpoint", "number"], unique=False)
    op.create_table(
        "losses",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("graph", sa.String(length=32), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", "day", "version", "graph", name=op.f("pk_losses")),
    )
    op.create_table(
        "monitors",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("event_time_max", UtcDateTime, nullable=True),
        sa.Column("complete_through", UtcDateTime, nullable=True),
        sa.Column("closed_through", UtcDateTime, nullable=True),
        sa.Column("labelled", sa.BigInteger(), nullable=False),
        sa.Column("late_labels", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", name=op.f("pk_monitors")),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("delivered_at", UtcDateTime, nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
    )
    op.create_index(op.f("ix_outbox_delivered_at"), "outbox", ["delivered_at"], unique=False)
    op.create_table(
        "segments",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_event", UtcDateTime, nullable=False),
        sa.Column("last_event", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_segments")),
    )
    op.create_index(op.f("ix_segments_digest"), "segments", ["digest"], unique=False)
    op.create_index("ix_segments_span", "segments", ["project", "endpoint", "last_event"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_webhooks")),
    )
