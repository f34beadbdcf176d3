"""Endpoints behind which their loop alone rolls out, because people have to approve."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("guarded", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("endpoints", "guarded")
