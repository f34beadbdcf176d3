"""The ledger: every covered row leaves its digest there, and every push of labels is kept."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0005"
down_revision = "0004"
IDENTITY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("actor", sa.String(length=253), nullable=False),
        sa.Column("recorded_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("previous", sa.String(length=71), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_key", "ledger", ["kind", "key", "number"], unique=False)
    op.create_table(
        "label_pushes",
        sa.Column("number", IDENTITY, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_label_pushes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_label_pushes_endpoint", "label_pushes", ["project", "endpoint"], unique=False)
    op.add_column("labels", sa.Column("push", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_labels_push"), "labels", ["push"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_labels_push"), table_name="labels")
    op.drop_column("labels", "push")
    op.drop_table("label_pushes")
    op.drop_table("ledger")
