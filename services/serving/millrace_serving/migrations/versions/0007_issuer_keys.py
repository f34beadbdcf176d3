"""The last keys of issuers are kept for a start at which they do not answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "issuer_keys",
        sa.Column("issuer", sa.String(length=500), primary_key=True),
        sa.Column("jwks_url", sa.String(length=500), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )
