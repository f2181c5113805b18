"""First schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only an INTEGER counts by itself there


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kid", sa.LargeBinary(length=8), nullable=False),
        sa.Column("point", sa.LargeBinary(length=65), nullable=False),
        sa.Column("imei", sa.String(length=14), nullable=False),
        sa.Column("label", sa.String(length=200), server_default="", nullable=False),
        sa.Column("enrolled_at", sa.Float(), nullable=False),
        sa.Column("enrolled_by", sa.String(length=100), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.Column("bootcount", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("uptime", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=True),
        sa.Column("tier", sa.Integer(), server_default="0", nullable=False),
        sa.Column("holds", sa.String(length=20), nullable=True),
        sa.Column("absent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("refuted", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("kid", name=op.f("uq_device_kid")),
        postgresql_with={"fillfactor": 80},
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_imei"), ["imei"], unique=False)

    op.create_table(
        "evidence",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=400), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "subscriber",
        sa.Column("imsi", sa.String(length=15), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("imsi", name=op.f("pk_subscriber")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
        sa.UniqueConstraint("name", name=op.f("uq_token_name")),
    )
    op.create_table(
        "card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("iccid", sa.String(length=20), nullable=False),
        sa.Column("imsi", sa.String(length=15), nullable=False),
        sa.Column("msisdn", sa.String(length=15), server_default="", nullable=False),
        sa.Column("scenario", sa.String(length=63), nullable=False),
        sa.Column("customer", sa.String(length=200), server_default="", nullable=False),
        sa.Column("imported_at", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("accused_at", sa.Float(), nullable=True),
        sa.Column("challenged", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("deadline", sa.Float(), nullable=True),
        sa.Column("held", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_card_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
        sa.UniqueConstraint("device_id", name=op.f("uq_card_device_id")),
        sa.UniqueConstraint("iccid", name=op.f("uq_card_iccid")),
        sa.UniqueConstraint("imsi", name=op.f("uq_card_imsi")),
    )
    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.create_index(
            "ix_card_deadline",
            ["deadline"],
            unique=False,
            sqlite_where=sa.text("deadline IS NOT NULL"),
            postgresql_where=sa.text("deadline IS NOT NULL"),
        )

    op.create_table(
        "accusation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", _BIG, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=32), server_default="", nullable=False),
        sa.Column("closed_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_accusation_card_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_accusation_device_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_accusation_evidence_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accusation")),
    )
    with op.batch_alter_table("accusation", schema=None) as batch_op:
        batch_op.create_index(
            "ix_accusation_open",
            ["card_id"],
            unique=False,
            sqlite_where=sa.text("outcome = 'open'"),
            postgresql_where=sa.text("outcome = 'open'"),
        )

    op.create_table(
        "event",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("evidence_id", _BIG, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False),
        sa.Column("reasons", sa.String(length=400), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_event_card_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_event_device_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_event_evidence_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_card", ["card_id", "id"], unique=False)

    op.create_table(
        "command",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("imsi", sa.String(length=15), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.Float(), nullable=False),
        sa.Column("error", sa.String(length=400), server_default="", nullable=False),
        sa.Column("done_at", sa.Float(), nullable=True),
        sa.Column("outcome", sa.String(length=12), server_default="pending", nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_command_card_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_command_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command")),
    )
    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.create_index("ix_command_card", ["card_id", "id"], unique=False)
        batch_op.create_index(
            "ix_command_pending",
            ["next_at"],
            unique=False,
            sqlite_where=sa.text("outcome = 'pending'"),
            postgresql_where=sa.text("outcome = 'pending'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_command_pending",
            sqlite_where=sa.text("outcome = 'pending'"),
            postgresql_where=sa.text("outcome = 'pending'"),
        )
        batch_op.drop_index("ix_command_card")

    op.drop_table("command")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("ix_event_card")

    op.drop_table("event")
    with op.batch_alter_table("accusation", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_accusation_open", sqlite_where=sa.text("outcome = 'open'"), postgresql_where=sa.text("outcome = 'open'")
        )

    op.drop_table("accusation")
    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_card_deadline",
            sqlite_where=sa.text("deadline IS NOT NULL"),
            postgresql_where=sa.text("deadline IS NOT NULL"),
        )

    op.drop_table("card")
    op.drop_table("token")
    op.drop_table("subscriber")
    op.drop_table("setting")
    op.drop_table("evidence")
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_imei"))

    op.drop_table("device")
