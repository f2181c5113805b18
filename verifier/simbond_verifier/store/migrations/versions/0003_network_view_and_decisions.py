"""Network view, signs, decisions by two, appeals, ledger"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # only an INTEGER counts by itself there


def upgrade() -> None:
    op.create_table(
        "breaker",
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("tripped_at", sa.Float(), nullable=False),
        sa.Column("enforced", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule", name=op.f("pk_breaker")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", _BIG, autoincrement=False, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "entry",
        sa.Column("seq", _BIG, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("row_id", _BIG, nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=True),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_entry")),
        sa.UniqueConstraint("kind", "row_id", name="uq_entry_kind"),
    )
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.create_index("ix_entry_card", ["card_id", "seq"], unique=False)

    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", _BIG, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_tile")),
    )
    op.create_table(
        "enforced",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_enforced_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enforced")),
    )
    with op.batch_alter_table("enforced", schema=None) as batch_op:
        batch_op.create_index("ix_enforced_rule", ["rule", "at"], unique=False)

    op.create_table(
        "network",
        sa.Column("card_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("imei", sa.String(length=16), nullable=True),
        sa.Column("imei_at", sa.Float(), nullable=True),
        sa.Column("plmn", sa.String(length=6), nullable=True),
        sa.Column("area", sa.Integer(), nullable=True),
        sa.Column("cell", _BIG, nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("place_at", sa.Float(), nullable=True),
        sa.Column("traffic_at", sa.Float(), nullable=True),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_network_card_id")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_network")),
    )
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_network_imei"), ["imei"], unique=False)

    op.create_table(
        "observation",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("imei", sa.String(length=16), nullable=True),
        sa.Column("plmn", sa.String(length=6), nullable=True),
        sa.Column("area", sa.Integer(), nullable=True),
        sa.Column("cell", _BIG, nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("apn", sa.String(length=100), nullable=True),
        sa.Column("use", sa.String(length=8), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_observation_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.create_index("ix_observation_card", ["card_id", "at"], unique=False)

    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=True),
        sa.Column("device_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("asked_by", sa.String(length=100), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(length=12), server_default="open", nullable=False),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("words", sa.String(length=400), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_proposal_card_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_proposal_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.create_index(
            "ix_proposal_open",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("outcome = 'open'"),
            postgresql_where=sa.text("outcome = 'open'"),
        )

    op.create_table(
        "radius_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("session", sa.String(length=200), nullable=False),
        sa.Column("user_name", sa.String(length=400), server_default="", nullable=False),
        sa.Column("address", sa.String(length=45), server_default="", nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_radius_session_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_radius_session")),
        sa.UniqueConstraint("client", "session", name="uq_radius_session_client"),
    )
    with op.batch_alter_table("radius_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_radius_session_card_id"), ["card_id"], unique=False)

    op.create_table(
        "sign",
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("cleared_at", sa.Float(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_sign_card_id")),
        sa.PrimaryKeyConstraint("card_id", "reason", name=op.f("pk_sign")),
    )
    op.create_table(
        "notice",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_notice_card_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_notice_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_card_id"), ["card_id"], unique=False)

    op.create_table(
        "withheld",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=12), nullable=False),
        sa.Column("event_id", _BIG, nullable=False),
        sa.Column("outcome", sa.String(length=12), server_default="waiting", nullable=False),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_withheld_card_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_withheld_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withheld")),
    )
    with op.batch_alter_table("withheld", schema=None) as batch_op:
        batch_op.create_index(
            "ix_withheld_waiting",
            ["card_id"],
            unique=False,
            sqlite_where=sa.text("outcome = 'waiting'"),
            postgresql_where=sa.text("outcome = 'waiting'"),
        )

    op.create_table(
        "appeal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.Column("notice_id", _BIG, nullable=True),
        sa.Column("filed_at", sa.Float(), nullable=False),
        sa.Column("filed_by", sa.String(length=100), nullable=False),
        sa.Column("statement", sa.String(length=4000), nullable=False),
        sa.Column("materials", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(length=12), server_default="open", nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("remind_at", sa.Float(), nullable=True),
        sa.Column("decided_at", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.String(length=100), nullable=True),
        sa.Column("words", sa.String(length=400), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_appeal_card_id")),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_appeal_notice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
    )
    with op.batch_alter_table("appeal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appeal_card_id"), ["card_id"], unique=False)
        for name, column, condition in (
            ("ix_appeal_open", "card_id", "outcome = 'open'"),
            ("ix_appeal_remind_at", "remind_at", "remind_at IS NOT NULL"),
        ):
            batch_op.create_index(
                name,
                [column],
                unique=column == "card_id",
                sqlite_where=sa.text(condition),
                postgresql_where=sa.text(condition),
            )

    op.create_table(
        "readback",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("command_id", _BIG, nullable=False),
        sa.Column("target", sa.String(length=32), nullable=False),
        sa.Column("said", sa.String(length=10), server_default="", nullable=False),
        sa.Column("error", sa.String(length=400), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["command_id"], ["command.id"], name=op.f("fk_readback_command_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readback")),
    )
    with op.batch_alter_table("readback", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_readback_command_id"), ["command_id"], unique=False)

    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.add_column(sa.Column("remind_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("affirmed", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("swap_device_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("swap_until", sa.Float(), nullable=True))
        batch_op.alter_column(
            "imsi", existing_type=sa.VARCHAR(length=15), type_=sa.String(length=64), existing_nullable=False
        )
        batch_op.alter_column(
            "msisdn",
            existing_type=sa.VARCHAR(length=15),
            type_=sa.String(length=64),
            existing_nullable=False,
            existing_server_default="",
        )
        batch_op.alter_column(
            "access", existing_type=sa.VARCHAR(length=8), type_=sa.String(length=10), existing_nullable=False
        )
        batch_op.drop_constraint(batch_op.f("uq_card_device_id"), type_="unique")
        batch_op.create_index(batch_op.f("ix_card_device_id"), ["device_id"], unique=False)
        batch_op.create_index(
            "ix_card_remind_at",
            ["remind_at"],
            unique=False,
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_card_swap_until",
            ["swap_until"],
            unique=False,
            sqlite_where=sa.text("swap_until IS NOT NULL"),
            postgresql_where=sa.text("swap_until IS NOT NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_card_swap_device_id"), "device", ["swap_device_id"], ["id"])

    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.alter_column(
            "imsi", existing_type=sa.VARCHAR(length=15), type_=sa.String(length=64), existing_nullable=False
        )
        batch_op.alter_column(
            "access", existing_type=sa.VARCHAR(length=8), type_=sa.String(length=10), existing_nullable=False
        )

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("imei2", sa.String(length=14), nullable=True))
        batch_op.add_column(sa.Column("evidence_id", _BIG, nullable=True))
        batch_op.create_index(batch_op.f("ix_device_imei2"), ["imei2"], unique=False)

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.alter_column("card_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.alter_column(
            "access", existing_type=sa.VARCHAR(length=8), type_=sa.String(length=10), existing_nullable=False
        )

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.alter_column("message", existing_type=sa.LargeBinary(), nullable=True)

    with op.batch_alter_table("subscriber", schema=None) as batch_op:
        batch_op.alter_column(
            "imsi", existing_type=sa.VARCHAR(length=15), type_=sa.String(length=64), existing_nullable=False
        )
        batch_op.alter_column(
            "access", existing_type=sa.VARCHAR(length=8), type_=sa.String(length=10), existing_nullable=False
        )


def downgrade() -> None:
    op.execute("DELETE FROM event WHERE card_id IS NULL")
    with op.batch_alter_table("subscriber", schema=None) as batch_op:
        batch_op.alter_column(
            "access", existing_type=sa.String(length=10), type_=sa.VARCHAR(length=8), existing_nullable=False
        )
        batch_op.alter_column(
            "imsi", existing_type=sa.String(length=64), type_=sa.VARCHAR(length=15), existing_nullable=False
        )

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.alter_column("message", existing_type=sa.LargeBinary(), nullable=False)

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.alter_column(
            "access", existing_type=sa.String(length=10), type_=sa.VARCHAR(length=8), existing_nullable=False
        )
        batch_op.alter_column("card_id", existing_type=sa.INTEGER(), nullable=False)

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_imei2"))
        batch_op.drop_column("evidence_id")
        batch_op.drop_column("imei2")

    with op.batch_alter_table("command", schema=None) as batch_op:
        batch_op.alter_column(
            "access", existing_type=sa.String(length=10), type_=sa.VARCHAR(length=8), existing_nullable=False
        )
        batch_op.alter_column(
            "imsi", existing_type=sa.String(length=64), type_=sa.VARCHAR(length=15), existing_nullable=False
        )

    with op.batch_alter_table("card", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_card_swap_device_id"), type_="foreignkey")
        batch_op.drop_index(
            "ix_card_swap_until",
            sqlite_where=sa.text("swap_until IS NOT NULL"),
            postgresql_where=sa.text("swap_until IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_card_remind_at",
            sqlite_where=sa.text("remind_at IS NOT NULL"),
            postgresql_where=sa.text("remind_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_card_device_id"))
        batch_op.create_unique_constraint(batch_op.f("uq_card_device_id"), ["device_id"])
        batch_op.alter_column(
            "access", existing_type=sa.String(length=10), type_=sa.VARCHAR(length=8), existing_nullable=False
        )
        batch_op.alter_column(
            "msisdn",
            existing_type=sa.String(length=64),
            type_=sa.VARCHAR(length=15),
            existing_nullable=False,
            existing_server_default="",
        )
        batch_op.alter_column(
            "imsi", existing_type=sa.String(length=64), type_=sa.VARCHAR(length=15), existing_nullable=False
        )
        batch_op.drop_column("swap_until")
        batch_op.drop_column("swap_device_id")
        batch_op.drop_column("affirmed")
        batch_op.drop_column("remind_at")

    with op.batch_alter_table("readback", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_readback_command_id"))

    op.drop_table("readback")
    with op.batch_alter_table("appeal", schema=None) as batch_op:
        batch_op.drop_index("ix_appeal_remind_at")
        batch_op.drop_index("ix_appeal_open")
        batch_op.drop_index(batch_op.f("ix_appeal_card_id"))

    op.drop_table("appeal")
    with op.batch_alter_table("withheld", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_withheld_waiting",
            sqlite_where=sa.text("outcome = 'waiting'"),
            postgresql_where=sa.text("outcome = 'waiting'"),
        )

    op.drop_table("withheld")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_card_id"))

    op.drop_table("notice")
    op.drop_table("sign")
    with op.batch_alter_table("radius_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_radius_session_card_id"))

    op.drop_table("radius_session")
    with op.batch_alter_table("proposal", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_proposal_open", sqlite_where=sa.text("outcome = 'open'"), postgresql_where=sa.text("outcome = 'open'")
        )

    op.drop_table("proposal")
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.drop_index("ix_observation_card")

    op.drop_table("observation")
    with op.batch_alter_table("network", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_network_imei"))

    op.drop_table("network")
    with op.batch_alter_table("enforced", schema=None) as batch_op:
        batch_op.drop_index("ix_enforced_rule")

    op.drop_table("enforced")
    op.drop_table("tile")
    with op.batch_alter_table("entry", schema=None) as batch_op:
        batch_op.drop_index("ix_entry_card")

    op.drop_table("entry")
    op.drop_table("checkpoint")
    op.drop_table("breaker")
