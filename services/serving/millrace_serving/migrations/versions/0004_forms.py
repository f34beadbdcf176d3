"""A revision knows which form of its version it serves, why, and which others there are; serving keeps what it measured."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    def add(name: str, kind: sa.types.TypeEngine[str], default: str) -> None:
        op.add_column("revisions", sa.Column(name, kind, nullable=False, server_default=default))

    add("target", sa.String(length=32), "ort-cpu-fp32")
    add("base", sa.String(length=71), "")
    add("offered", sa.JSON(), "[]")
    add("form", sa.JSON(), "{}")
    op.create_table(
        "measured",
        sa.Column("digest", sa.String(length=71), primary_key=True),
        sa.Column("target", sa.String(length=32), primary_key=True),
        sa.Column("node", sa.String(length=400), primary_key=True),
        sa.Column("measurement", sa.JSON(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
    )
