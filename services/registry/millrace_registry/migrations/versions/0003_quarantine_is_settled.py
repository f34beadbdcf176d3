"""A refused delivery waits for a person, who takes it after all or drops it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("quarantine", sa.Column("state", sa.String(10), nullable=False, server_default="waiting"))
    op.add_column("quarantine", sa.Column("settled_by", sa.String(100), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("quarantine", "settled_by")
    op.drop_column("quarantine", "state")
