"""An alarm says on the clock, too, when it was opened, seen and over; event days alone do not tell who knew when."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
NAMES = ("opened_at", "acknowledged_at", "closed_at")


def upgrade() -> None:
    with op.batch_alter_table("alarms") as table:
        for name in NAMES:
            table.add_column(sa.Column(name, UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("alarms") as table:
        for name in NAMES[::-1]:
            table.drop_column(name)
