"""Several replicas and a cluster's resources: leases, owners of loops, and where a rollout stands."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=253), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    with op.batch_alter_table("loops") as table:
        table.add_column(sa.Column("owner", sa.JSON(), nullable=True))
        table.add_column(sa.Column("standing", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("woken_at", UtcDateTime(timezone=True), nullable=True))
    with op.batch_alter_table("loop_runs") as table:
        table.add_column(sa.Column("digest", sa.String(length=71), nullable=True))
        table.add_column(sa.Column("traffic", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("loop_runs") as table:
        for name in ("traffic", "digest"):
            table.drop_column(name)
    with op.batch_alter_table("loops") as table:
        for name in ("woken_at", "standing", "owner"):
            table.drop_column(name)
    op.drop_table("leases")
