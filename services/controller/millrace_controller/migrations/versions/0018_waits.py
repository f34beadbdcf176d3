"""Why a run that is called for is not opened, and what is new since the last one."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("loops", sa.Column("waits", sa.JSON(), nullable=True))
    op.add_column("loops", sa.Column("fresh_rows", sa.BigInteger(), nullable=True))
    op.add_column("loops", sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("waits", "fresh_rows", "passed_at"):
        op.drop_column("loops", name)
