"""Revisions know where their pods should run, and which loop and run they came from."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("revisions", sa.Column("placement", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("revisions", sa.Column("loop", sa.String(length=63), nullable=False, server_default=""))
    op.add_column("revisions", sa.Column("run", sa.Integer(), nullable=True))
