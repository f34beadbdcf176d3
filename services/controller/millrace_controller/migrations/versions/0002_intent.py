"""Loops remember where the route is heading, since when their champion answers, and an alarm not yet acted upon."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("loops") as table:
        table.add_column(sa.Column("opened_generation", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("champion_since", UtcDateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("heading", sa.JSON(), nullable=True))
        table.add_column(sa.Column("unanswered", sa.JSON(), nullable=True))
    op.execute("UPDATE loops SET opened_generation = generation WHERE runs > 0")


def downgrade() -> None:
    with op.batch_alter_table("loops") as table:
        for name in ("unanswered", "heading", "champion_since", "opened_generation"):
            table.drop_column(name)
