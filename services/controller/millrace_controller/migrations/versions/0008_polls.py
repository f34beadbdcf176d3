"""How a loop's source is looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("loops", sa.Column("poll", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("loops", "poll")
