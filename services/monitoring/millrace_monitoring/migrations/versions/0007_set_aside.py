"""What could not be told is set aside; who was told of a loop stays known until its last messages have arrived."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_set_aside")),
    )
    op.add_column("subscriptions", sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("subscriptions", "gone")
    op.drop_table("set_aside")
