"""When the answer was given that people are to look at; not known of entries from before."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("answered_at", UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("reviews", "answered_at")
