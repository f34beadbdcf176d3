"""Runs remember where their pipeline runs: a process of this machine, a Job, or a run of Kubeflow Pipelines."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
RUNS = sa.table(
    "loop_runs",
    sa.column("loop_id", sa.Integer),
    sa.column("number", sa.Integer),
    sa.column("pid", sa.Integer),
    sa.column("pid_started", sa.Float),
    sa.column("pipeline", sa.JSON),
)


def upgrade() -> None:
    with op.batch_alter_table("loop_runs") as table:
        table.add_column(sa.Column("pipeline", sa.JSON(), nullable=True))
    connection = op.get_bind()
    for row in connection.execute(sa.select(RUNS).where(RUNS.c.pid.is_not(None))).all():
        handle = {"runner": "process", "pid": row.pid, "started": row.pid_started}
        mine = (RUNS.c.loop_id == row.loop_id, RUNS.c.number == row.number)
        connection.execute(sa.update(RUNS).where(*mine).values(pipeline=handle))
    with op.batch_alter_table("loop_runs") as table:
        table.drop_column("pid")
        table.drop_column("pid_started")


def downgrade() -> None:
    with op.batch_alter_table("loop_runs") as table:
        table.drop_column("pipeline")
        table.add_column(sa.Column("pid", sa.Integer(), nullable=True))
        table.add_column(sa.Column("pid_started", sa.Float(), nullable=True))
