"""Rows that come as a stream wait in batches until they become a delivery."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
COUNTS = (
    "pending_rows",
    "pending_bytes",
    "last_number",
    "wanted_number",
    "settled_number",
    "rows",
    "new_rows",
)


def upgrade() -> None:
    op.create_table(
        "streams",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(63), nullable=False),
        sa.Column("loop", sa.String(63), nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        sa.Column("oldest_at", UtcDateTime),
        sa.Column("chosen_number", sa.BigInteger),
        sa.Column("job", sa.String(32)),
        sa.Column("last_job", sa.String(32)),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("failures", "deliveries", "refused")),
        sa.Column("retry_at", UtcDateTime),
        sa.Column("message", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_streams")),
        sa.UniqueConstraint("project", "loop", name=op.f("uq_streams_project")),
    )
    op.create_index(op.f("ix_streams_pending_rows"), "streams", ["pending_rows"])
    op.create_table(
        "stream_batches",
        sa.Column("stream", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("rows", "unreadable", "size")),
        sa.Column("data", sa.LargeBinary),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("stream", "number", name=op.f("pk_stream_batches")),
        sa.UniqueConstraint("stream", "key", name=op.f("uq_stream_batches_stream")),
    )
    op.create_index(op.f("ix_stream_batches_at"), "stream_batches", ["at"])


def downgrade() -> None:
    op.drop_table("stream_batches")
    op.drop_table("streams")
