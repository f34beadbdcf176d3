"""A job whose pod finds no room is tried again after a pause, instead of failing."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("shortages", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("short_since", UtcDateTime, nullable=True))
    op.add_column("jobs", sa.Column("next_at", UtcDateTime, nullable=True))


def downgrade() -> None:
    for name in ("next_at", "short_since", "shortages"):
        op.drop_column("jobs", name)
