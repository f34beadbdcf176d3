"""Runs wait in a queue for their turn; those that are open already have had it."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0010"
down_revision = "0009"
COLUMNS = ("shortages", "next_at", "admitted_at", "queue_place")


def upgrade() -> None:
    op.add_column("loop_runs", sa.Column("queue_place", sa.JSON(), nullable=True))
    op.add_column("loop_runs", sa.Column("admitted_at", UtcDateTime, nullable=True))
    op.add_column("loop_runs", sa.Column("next_at", UtcDateTime, nullable=True))
    op.add_column("loop_runs", sa.Column("shortages", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE loop_runs SET admitted_at = created_at WHERE state = 'running'")


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("loop_runs", name)
