"""How many pods an endpoint gets by its load, and when it gives them up, as its loop declares it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("serving", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("endpoints", "serving")
