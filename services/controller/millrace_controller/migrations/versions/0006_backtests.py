"""Backtests run like pipelines, in a process or a Job that the next controller finds again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("backtests", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("backtests", sa.Column("handle", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("backtests", "handle")
    op.drop_column("backtests", "attempts")
