"""People make tokens for their programs: what each may, until when, and whether it was revoked."""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "personal_tokens",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("identifier", sa.String(length=253), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("made_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=253), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_personal_tokens")),
        sa.UniqueConstraint("sha256", name=op.f("uq_personal_tokens_sha256")),
    )
    op.create_index(op.f("ix_personal_tokens_identifier"), "personal_tokens", ["identifier"], unique=False)


def downgrade() -> None:
    op.drop_table("personal_tokens")
