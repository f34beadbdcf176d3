"""What people last showed that their provider gives them, which bounds their tokens."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "given_roles",
        sa.Column("identifier", sa.String(length=253), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name=op.f("pk_given_roles")),
    )


def downgrade() -> None:
    op.drop_table("given_roles")
