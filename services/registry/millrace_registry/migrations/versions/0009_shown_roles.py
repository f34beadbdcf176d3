"""What people last showed, by kind of token: one that says less of them does not alternate with one that says more.

The table before goes on as it is, for the version before: it knows one row of a person.
"""

import sqlalchemy as sa
from alembic import op

from millrace_core.database import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "shown_roles",
        sa.Column("identifier", sa.String(length=253), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("seen_at", UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("identifier", "kind", name=op.f("pk_shown_roles")),
    )
    op.execute(
        "INSERT INTO shown_roles (identifier, kind, role, given, seen_at) "
        "SELECT identifier, '', role, given, seen_at FROM given_roles"
    )


def downgrade() -> None:
    op.drop_table("shown_roles")
