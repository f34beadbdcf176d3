"""Predictions that people look at, what they said, and who said a label and when."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0003"
down_revision = "0002"
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("labels", sa.Column("author", sa.String(length=200), nullable=True))
    op.add_column("labels", sa.Column("said_at", UtcDateTime, nullable=True))
    op.add_column("labels", sa.Column("reviewed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "reviews",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("event_time", UtcDateTime, nullable=False),
        sa.Column("revision", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("chance", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("usefulness", sa.Float(precision=53), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reviews")),
    )
    row = ["project", "endpoint", "request_id", "index"]
    op.create_index("uq_reviews_row", "reviews", row, unique=True)
    op.create_index("ix_reviews_turn", "reviews", ["project", "endpoint", "state", "rank", "turn"])
    op.create_index("ix_reviews_time", "reviews", ["project", "endpoint", "event_time"])
    op.create_table(
        "review_votes",
        sa.Column("review", IDENTITY, autoincrement=False, nullable=False),
        sa.Column("author", sa.String(length=253), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("review", "author", name=op.f("pk_review_votes")),
    )


def downgrade() -> None:
    op.drop_table("review_votes")
    op.drop_table("reviews")
    for name in ("reviewed", "said_at", "author"):
        op.drop_column("labels", name)
