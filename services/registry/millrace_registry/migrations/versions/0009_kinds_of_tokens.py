"""What people last showed, by kind of token: one that says less of them does not alternate with one that says more."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("given_roles", recreate="auto") as table:
        table.add_column(sa.Column("kind", sa.String(length=16), nullable=False, server_default=""))
        table.drop_constraint("pk_given_roles", type_="primary")
        table.create_primary_key("pk_given_roles", ["identifier", "kind"])


def downgrade() -> None:
    op.execute("DELETE FROM given_roles")
    with op.batch_alter_table("given_roles", recreate="auto") as table:
        table.drop_constraint("pk_given_roles", type_="primary")
        table.create_primary_key("pk_given_roles", ["identifier"])
        table.drop_column("kind")
