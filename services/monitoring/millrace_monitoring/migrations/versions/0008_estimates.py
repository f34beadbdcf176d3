"""Performance that is estimated before labels come, by day."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "estimates",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.String(length=71), nullable=False),
        sa.Column("through", UtcDateTime(timezone=True), nullable=False),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", "day", name=op.f("pk_estimates")),
    )


def downgrade() -> None:
    op.drop_table("estimates")
