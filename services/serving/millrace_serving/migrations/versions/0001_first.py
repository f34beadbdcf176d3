"""The first tables."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "endpoints",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("stable", sa.Integer(), nullable=True),
        sa.Column("revisions_made", sa.Integer(), nullable=False),
        sa.Column("event_time", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("project", "name", name=op.f("pk_endpoints")),
    )
    op.create_table(
        "gateway_counts",
        sa.Column("life", sa.String(length=64), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("life", name=op.f("pk_gateway_counts")),
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
    )
    op.create_index(op.f("ix_outbox_delivered_at"), "outbox", ["delivered_at"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body_digest", sa.String(length=71), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("event_time", UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "endpoint"],
            ["endpoints.project", "endpoints.name"],
            name=op.f("fk_changes_project_endpoints"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sa.UniqueConstraint("project", "endpoint", "key", name=op.f("uq_changes_project")),
    )
    op.create_table(
        "revisions",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=False),
        sa.Column("golden", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "endpoint"],
            ["endpoints.project", "endpoints.name"],
            name=op.f("fk_revisions_project_endpoints"),
        ),
        sa.PrimaryKeyConstraint("project", "endpoint", "number", name=op.f("pk_revisions")),
    )
    op.create_table(
        "rollouts",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body_digest", sa.String(length=71), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("previous", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(length=63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("event_time", UtcDateTime(timezone=True), nullable=True),
        sa.Column("step_since", UtcDateTime(timezone=True), nullable=True),
        sa.Column("loop", sa.String(length=63), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("cause", sa.String(length=36), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "endpoint"],
            ["endpoints.project", "endpoints.name"],
            name=op.f("fk_rollouts_project_endpoints"),
        ),
        sa.PrimaryKeyConstraint("project", "endpoint", "number", name=op.f("pk_rollouts")),
        sa.UniqueConstraint("project", "endpoint", "key", name=op.f("uq_rollouts_project")),
    )
    op.create_index(
        "one_rollout_in_flight",
        "rollouts",
        ["project", "endpoint"],
        unique=True,
        sqlite_where=sa.text("state IN ('loading', 'mirroring', 'canary')"),
        postgresql_where=sa.text("state IN ('loading', 'mirroring', 'canary')"),
    )


def downgrade() -> None:
    op.drop_index(
        "one_rollout_in_flight",
        table_name="rollouts",
        sqlite_where=sa.text("state IN ('loading', 'mirroring', 'canary')"),
        postgresql_where=sa.text("state IN ('loading', 'mirroring', 'canary')"),
    )
    op.drop_table("rollouts")
    op.drop_table("revisions")
    op.drop_table("changes")
    op.drop_index(op.f("ix_outbox_delivered_at"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("gateway_counts")
    op.drop_table("endpoints")
