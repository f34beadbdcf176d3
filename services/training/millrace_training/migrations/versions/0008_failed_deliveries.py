"""A delivery whose job failed goes to quarantine, at the latest when the registry is back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    name = "quarantine_due"
    op.add_column("jobs", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index(op.f("ix_jobs_quarantine_due"), "jobs", ["quarantine_due"])


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_quarantine_due"), "jobs")
    op.drop_column("jobs", "quarantine_due")
