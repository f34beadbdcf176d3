"""Whose jobs were started last is asked whenever some have to wait."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_jobs_attempt_at"), "jobs", ["attempt_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_attempt_at"), "jobs")
