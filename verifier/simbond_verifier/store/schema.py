"""The tables. Times are seconds since the epoch (UTC); ICCID and IMSI are digits as text, an IMEI its first 14."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

setting = Table(
    "setting",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kid", LargeBinary(8), nullable=False, unique=True),
    Column("point", LargeBinary(65), nullable=False),
    Column("imei", String(14), nullable=False, index=True),
    Column("label", String(200), nullable=False, server_default=""),
    Column("enrolled_at", Float, nullable=False),
    Column("enrolled_by", String(100), nullable=False),
    Column("revoked_at", Float),
    Column("bootcount", BigInteger, nullable=False, server_default="-1"),
    Column("uptime", BigInteger, nullable=False, server_default="-1"),
    Column("seen_at", Float),
    Column("tier", Integer, nullable=False, server_default="0"),
    Column("holds", String(20)),  # the ICCID it last reported
    Column("absent", Boolean, nullable=False, server_default=text("0")),  # it last reported that its card is gone
    Column("refuted", Integer, nullable=False, server_default="0"),  # its accusations that were refuted
    Column("rotated_at", Float),  # when its present key took the place of the one before
)

# The keys that devices had before their present ones. They are good for nothing, and never come back.
retired_key = Table(
    "retired_key",
    metadata,
    Column("kid", LargeBinary(8), primary_key=True),
    Column("point", LargeBinary(65), nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("successor", LargeBinary(8), nullable=False),
    Column("message", LargeBinary, nullable=False),  # by which it endorsed its successor
    Column("used_at", Float),  # when it first signed over a nonce that was issued after it had been retired
)

card = Table(
    "card",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("iccid", String(20), nullable=False, unique=True),
    Column("imsi", String(15), nullable=False, unique=True),
    Column("msisdn", String(15), nullable=False, server_default=""),
    Column("scenario", String(63), nullable=False),
    Column("customer", String(200), nullable=False, server_default=""),
    Column("imported_at", Float, nullable=False),
    Column("state", String(12), nullable=False),
    Column("access", String(8), nullable=False),
    Column("since", Float, nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), unique=True),
    Column("accused_at", Float),  # by the newest accusation that is open
    Column("challenged", Boolean, nullable=False, server_default=text("0")),  # its bound device is asked at once
    Column("deadline", Float),  # of a re-verification
    Column("held", Boolean, nullable=False, server_default=text("0")),  # by an operator: no Evidence lifts it
    Column("sim_key", LargeBinary(65)),  # the public key on the SIM
    Index("ix_card_deadline", "deadline", sqlite_where=text("deadline IS NOT NULL")),
    Index("ix_card_sim_key", "sim_key", unique=True, sqlite_where=text("sim_key IS NOT NULL")),
)

# A log, written for every message: device_id and card_id come from rows read in the same transaction, and what looks
# for a card's Evidence goes by its events; foreign keys and indexes would only cost here.
evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("device_id", Integer, nullable=False),
    Column("card_id", Integer),
    Column("tier", Integer, nullable=False),
    Column("reasons", String(400), nullable=False),
    Column("message", LargeBinary, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("device_id", Integer, ForeignKey("device.id")),
    Column("evidence_id", Integer, ForeignKey("evidence.id")),
    Column("kind", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("state", String(12), nullable=False),  # after the event
    Column("access", String(8), nullable=False),
    Column("reasons", String(400), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_event_card", "card_id", "id"),
)

accusation = Table(
    "accusation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), nullable=False),  # the accuser
    Column("evidence_id", Integer, ForeignKey("evidence.id"), nullable=False),
    Column("outcome", String(12), nullable=False),  # open, upheld, refuted, expired, settled
    Column("source", String(32), nullable=False, server_default=""),  # what decided it
    Column("closed_at", Float),
    Index("ix_accusation_open", "card_id", sqlite_where=text("outcome = 'open'")),
)

# The outbox: written in the transaction of the transition that causes it.
command = Table(
    "command",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("event_id", Integer, ForeignKey("event.id"), nullable=False),
    Column("imsi", String(15), nullable=False),
    Column("access", String(8), nullable=False),  # what the target shall do
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Float, nullable=False),
    Column("error", String(400), nullable=False, server_default=""),
    Column("done_at", Float),
    Column("outcome", String(12), nullable=False, server_default="pending"),  # pending, confirmed, superseded
    Index("ix_command_pending", "next_at", sqlite_where=text("outcome = 'pending'")),
    Index("ix_command_card", "card_id", "id"),
)

# The embedded enforcement target.
subscriber = Table(
    "subscriber",
    metadata,
    Column("imsi", String(15), primary_key=True),
    Column("access", String(8), nullable=False),
    Column("at", Float, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("role", String(12), nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
)
