"""Endpoints whose answers are flagged for people, or withheld, below a confidence."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("review", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("endpoints", "review")
