"""A rollback has a key: asked for again, it is the same one."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "rollbacks",
        sa.Column("loop_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rollout", sa.Integer(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["loop_id"], ["loops.id"], name=op.f("fk_rollbacks_loop_id_loops")),
        sa.PrimaryKeyConstraint("loop_id", "key", name=op.f("pk_rollbacks")),
    )


def downgrade() -> None:
    op.drop_table("rollbacks")
