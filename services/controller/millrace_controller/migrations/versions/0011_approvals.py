"""People approve what the gates let pass; a run that waits for them is in flight."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0011"
down_revision = "0010"
ONE_AT_A_TIME = sa.text("state IN ('pending', 'running', 'awaiting-approval', 'rolling-out')")
OF_RUNS = (
    "asked_by", "declared_by", "judged", "approval", "approval_until", "approvals", "approvals_needed",
    "approval_used_at",
)  # fmt: skip


def upgrade() -> None:
    op.add_column("loops", sa.Column("declared_by", sa.String(length=253), nullable=True))
    op.add_column("loop_runs", sa.Column("asked_by", sa.String(length=253), nullable=True))
    op.add_column("loop_runs", sa.Column("declared_by", sa.String(length=253), nullable=True))
    op.add_column("loop_runs", sa.Column("judged", sa.JSON(), nullable=True))
    op.add_column("loop_runs", sa.Column("approval", sa.JSON(), nullable=True))
    op.add_column("loop_runs", sa.Column("approval_until", UtcDateTime(timezone=True), nullable=True))
    op.add_column("loop_runs", sa.Column("approvals", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("loop_runs", sa.Column("approvals_needed", sa.Integer(), nullable=True))
    op.add_column("loop_runs", sa.Column("approval_used_at", UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "one_run_at_a_time",
        "loop_runs",
        ["loop_id"],
        unique=True,
        sqlite_where=ONE_AT_A_TIME,
        postgresql_where=ONE_AT_A_TIME,
    )
    op.create_table(
        "approvals",
        sa.Column("loop_id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=253), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("person", sa.String(length=253), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["loop_id", "run"],
            ["loop_runs.loop_id", "loop_runs.number"],
            name=op.f("fk_approvals_loop_id_loop_runs"),
        ),
        sa.PrimaryKeyConstraint("loop_id", "run", "key", "verdict", name=op.f("pk_approvals")),
    )


def downgrade() -> None:
    op.drop_table("approvals")
    op.drop_index("one_run_at_a_time", table_name="loop_runs")
    for name in OF_RUNS:
        op.drop_column("loop_runs", name)
    op.drop_column("loops", "declared_by")
