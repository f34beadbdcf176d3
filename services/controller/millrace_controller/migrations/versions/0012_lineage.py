"""OpenLineage events wait here until they are sent."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lineage_events",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_lineage_events"),
    )


def downgrade() -> None:
    op.drop_table("lineage_events")
