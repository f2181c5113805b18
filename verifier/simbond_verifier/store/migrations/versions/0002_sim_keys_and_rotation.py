"""Keys on SIMs, and keys that were rotated"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("card", sa.Column("sim_key", sa.LargeBinary(length=65), nullable=True))
    op.create_index(
        "ix_card_sim_key",
        "card",
        ["sim_key"],
        unique=True,
        sqlite_where=sa.text("sim_key IS NOT NULL"),
        postgresql_where=sa.text("sim_key IS NOT NULL"),
    )
    op.add_column("device", sa.Column("rotated_at", sa.Float(), nullable=True))
    op.create_table(
        "retired_key",
        sa.Column("kid", sa.LargeBinary(length=8), nullable=False),
        sa.Column("point", sa.LargeBinary(length=65), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("successor", sa.LargeBinary(length=8), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_retired_key_device_id")),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_retired_key")),
    )
    op.create_index(op.f("ix_retired_key_device_id"), "retired_key", ["device_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_retired_key_device_id"), "retired_key")
    op.drop_table("retired_key")
    op.drop_column("device", "rotated_at")
    op.drop_index("ix_card_sim_key", "card")
    op.drop_column("card", "sim_key")
