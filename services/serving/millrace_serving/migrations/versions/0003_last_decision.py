"""A rollout remembers the decision that moved it last, so that what follows from it can say so."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("rollouts", sa.Column("decision", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("rollouts", "decision")
