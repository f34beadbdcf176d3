"""An alarm can be silenced for a while: people are not told of it, loops act all the same."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alarms") as table:
        table.add_column(sa.Column("silenced_until", UtcDateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("silenced_by", sa.String(length=100), nullable=True))
        table.add_column(sa.Column("silence_reason", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("alarms") as table:
        for name in ("silence_reason", "silenced_by", "silenced_until"):
            table.drop_column(name)
