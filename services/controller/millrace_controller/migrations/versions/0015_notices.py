"""How telling people of a loop goes stands with the loop."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("loops", sa.Column("notices", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("loops", "notices")
