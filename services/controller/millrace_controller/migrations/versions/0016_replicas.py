"""How many pods answer for a loop's champion, where its load decides that."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("loops", sa.Column("replicas", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("loops", "replicas")
