"""How an endpoint's loop wants it served: pods by load, when they are given up; and how large graphs are."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("endpoints", sa.Column("serving", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("revisions", sa.Column("size", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("revisions", "size")
    op.drop_column("endpoints", "serving")
