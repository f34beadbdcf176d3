"""Classes that labels named before any version knew them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "new_classes",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("endpoint", sa.String(length=63), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project", "endpoint", "number", name=op.f("pk_new_classes")),
    )
    op.create_index("uq_new_classes_name", "new_classes", ["project", "endpoint", "name"], unique=True)


def downgrade() -> None:
    op.drop_table("new_classes")
