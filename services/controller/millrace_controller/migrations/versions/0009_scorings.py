"""Declared rows that are scored by themselves."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0009"
down_revision = "0008"
GOING_ON = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("loops", sa.Column("batch", sa.JSON(), nullable=True))
    op.create_table(
        "scorings",
        sa.Column("loop_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("batch", sa.JSON(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("more", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("next_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["loop_id"], ["loops.id"], name=op.f("fk_scorings_loop_id_loops")),
        sa.PrimaryKeyConstraint("loop_id", "number", name=op.f("pk_scorings")),
        sa.UniqueConstraint("loop_id", "key", name=op.f("uq_scorings_loop_id")),
    )
    op.create_index(
        "one_scoring_at_a_time",
        "scorings",
        ["loop_id"],
        unique=True,
        sqlite_where=GOING_ON,
        postgresql_where=GOING_ON,
    )


def downgrade() -> None:
    op.drop_table("scorings")
    op.drop_column("loops", "batch")
