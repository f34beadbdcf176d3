"""What a run's pods wait for that will not pass by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("loop_runs", sa.Column("waiting", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("loop_runs", "waiting")
