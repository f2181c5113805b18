"""Factory stations and what they endorsed"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only an INTEGER counts by itself there


def upgrade() -> None:
    op.create_table(
        "station",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kid", sa.LargeBinary(length=8), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("registered_at", sa.Float(), nullable=False),
        sa.Column("registered_by", sa.String(length=100), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("distrusted_from", sa.Float(), nullable=True),
        sa.Column("reason", sa.String(length=400), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
        sa.UniqueConstraint("name", name=op.f("uq_station_name")),
        sa.UniqueConstraint("kid", name=op.f("uq_station_kid")),
    )
    op.create_table(
        "endorsement",
        sa.Column("station_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", _BIG, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_endorsement_station_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_endorsement_device_id")),
        sa.PrimaryKeyConstraint("station_id", "seq", name=op.f("pk_endorsement")),
    )
    op.create_index(op.f("ix_endorsement_device_id"), "endorsement", ["device_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_endorsement_device_id"), "endorsement")
    op.drop_table("endorsement")
    op.drop_table("station")
