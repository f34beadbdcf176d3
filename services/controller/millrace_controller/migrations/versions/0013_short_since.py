"""Since when there is no room for a run's pipeline: it is not tried again for ever."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("loop_runs", sa.Column("short_since", UtcDateTime, nullable=True))


def downgrade() -> None:
    op.drop_column("loop_runs", "short_since")
