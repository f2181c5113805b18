"""The tables. Times are seconds since the epoch (UTC); ICCID and IMSI are digits as text, an IMEI its first 14."""

from typing import Any

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
    UniqueConstraint,
    false,
    text,
)

from .identities import DetailColumn, IdentityColumn, MessageColumn

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _where(condition: str) -> dict[str, Any]:
    """Of a partial index."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


_BIG = BigInteger().with_variant(Integer, "sqlite")  # only an INTEGER counts by itself there
_IDENTITY = IdentityColumn(64)

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
    Column("imei2", String(14), index=True),  # of its second slot
    Column("label", String(200), nullable=False, server_default=""),
    Column("enrolled_at", Float, nullable=False),
    Column("enrolled_by", String(100), nullable=False),
    Column("revoked_at", Float),
    Column("bootcount", BigInteger, nullable=False, server_default="-1"),
    Column("uptime", BigInteger, nullable=False, server_default="-1"),
    Column("seen_at", Float),
    Column("tier", Integer, nullable=False, server_default="0"),
    Column("holds", String(20)),  # the ICCID it last reported
    Column("absent", Boolean, nullable=False, server_default=false()),  # it last reported that its card is gone
    Column("refuted", Integer, nullable=False, server_default="0"),  # its accusations that were refuted
    Column("evidence_id", _BIG),  # the last that came in time
    Column("rotated_at", Float),  # when its present key took the place of the one before
    postgresql_with={"fillfactor": 80},  # every Evidence writes its device's row anew: docs/adr/postgresql.md
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
    Column("message", MessageColumn, nullable=False),  # by which it endorsed its successor
    Column("used_at", Float),  # when it first signed over a nonce that was issued after it had been retired
)

card = Table(
    "card",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("iccid", String(20), nullable=False, unique=True),
    Column("imsi", _IDENTITY, nullable=False, unique=True),
    Column("msisdn", _IDENTITY, nullable=False, server_default=""),
    Column("scenario", String(63), nullable=False),
    Column("customer", String(200), nullable=False, server_default=""),
    Column("imported_at", Float, nullable=False),
    Column("state", String(12), nullable=False),
    Column("access", String(10), nullable=False),
    Column("since", Float, nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), index=True),
    Column("accused_at", Float),  # by the newest accusation that is open
    Column("challenged", Boolean, nullable=False, server_default=false()),  # its bound device is asked at once
    Column("deadline", Float),  # of a re-verification or of a second check
    Column("remind_at", Float),  # of that deadline
    Column("affirmed", Integer, nullable=False, server_default="0"),  # in a row, while it is warned
    Column("swap_device_id", Integer, ForeignKey("device.id")),  # an announced swap: whose Evidence closes it
    Column("swap_until", Float),  # the end of its grace window
    Column("held", Boolean, nullable=False, server_default=false()),  # by an operator: no Evidence lifts it
    Column("sim_key", LargeBinary(65)),  # the public key on the SIM
    Index("ix_card_deadline", "deadline", **_where("deadline IS NOT NULL")),
    Index("ix_card_remind_at", "remind_at", **_where("remind_at IS NOT NULL")),
    Index("ix_card_swap_until", "swap_until", **_where("swap_until IS NOT NULL")),
    Index("ix_card_sim_key", "sim_key", unique=True, **_where("sim_key IS NOT NULL")),
)

# A log, written for every message: device_id and card_id come from rows read in the same transaction, and what looks
# for a card's Evidence goes by its events; foreign keys and indexes would only cost here.
evidence = Table(
    "evidence",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),
    Column("device_id", Integer, nullable=False),
    Column("card_id", Integer),
    Column("tier", Integer, nullable=False),
    Column("reasons", String(400), nullable=False),
    Column("message", MessageColumn),  # gone once its retention period is over
)

event = Table(
    "event",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id")),  # none: it concerns the fleet
    Column("device_id", Integer, ForeignKey("device.id")),
    Column("evidence_id", _BIG, ForeignKey("evidence.id")),
    Column("kind", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("state", String(12), nullable=False),  # after the event
    Column("access", String(10), nullable=False),
    Column("reasons", String(400), nullable=False),
    Column("detail", DetailColumn, nullable=False),
    Index("ix_event_card", "card_id", "id"),
)

accusation = Table(
    "accusation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), nullable=False),  # the accuser
    Column("evidence_id", _BIG, ForeignKey("evidence.id"), nullable=False),
    Column("outcome", String(12), nullable=False),  # open, upheld, refuted, expired, settled
    Column("source", String(32), nullable=False, server_default=""),  # what decided it
    Column("closed_at", Float),
    Index("ix_accusation_open", "card_id", **_where("outcome = 'open'")),
)

# The outbox: written in the transaction of the transition that causes it.
command = Table(
    "command",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("event_id", _BIG, ForeignKey("event.id"), nullable=False),
    Column("imsi", _IDENTITY, nullable=False),
    Column("access", String(10), nullable=False),  # what the target shall do
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Float, nullable=False),
    Column("error", String(400), nullable=False, server_default=""),
    Column("done_at", Float),
    Column("outcome", String(12), nullable=False, server_default="pending"),  # pending, confirmed, superseded
    Index("ix_command_pending", "next_at", **_where("outcome = 'pending'")),
    Index("ix_command_card", "card_id", "id"),
)

# The embedded enforcement target.
subscriber = Table(
    "subscriber",
    metadata,
    Column("imsi", _IDENTITY, primary_key=True),
    Column("access", String(10), nullable=False),
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

# What a target's own records said after a command, each time that they were read.
readback = Table(
    "readback",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),
    Column("command_id", _BIG, ForeignKey("command.id"), nullable=False, index=True),
    Column("target", String(32), nullable=False),
    Column(
        "said", String(10), nullable=False, server_default=""
    ),  # allowed, restricted, partial, barred; empty: nothing
    Column("error", String(400), nullable=False, server_default=""),
)

# What networks reported, kept for the retention period; and below it, what they reported last.
observation = Table(
    "observation",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),  # when the network saw it
    Column("received_at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("source", String(32), nullable=False),
    Column("imei", String(16)),
    Column("plmn", String(6)),
    Column("area", Integer),  # TAC or LAC
    Column("cell", _BIG),
    Column("lat", Float),
    Column("lon", Float),
    Column("apn", String(100)),
    Column("use", String(8)),  # data, voice, sms
    Index("ix_observation_card", "card_id", "at"),
)

network = Table(
    "network",
    metadata,
    Column("card_id", Integer, ForeignKey("card.id"), primary_key=True, autoincrement=False),
    Column("imei", String(16), index=True),
    Column("imei_at", Float),
    Column("plmn", String(6)),
    Column("area", Integer),
    Column("cell", _BIG),
    Column("lat", Float),
    Column("lon", Float),
    Column("place_at", Float),
    Column("traffic_at", Float),  # the last sign of life
    Column("source", String(32), nullable=False),
)

# Signs against a card: since when, how often, and whether they are still there.
sign = Table(
    "sign",
    metadata,
    Column("card_id", Integer, ForeignKey("card.id"), primary_key=True),
    Column("reason", String(32), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("first_at", Float, nullable=False),  # of this spell
    Column("last_at", Float, nullable=False),
    Column("times", Integer, nullable=False),  # within the scenario's confirmation window
    Column("cleared_at", Float),
    Column("facts", JSON, nullable=False),
)

# Blast radius: what a rule did lately, and the rules that were stopped for doing too much.
enforced = Table(
    "enforced",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("rule", String(32), nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Index("ix_enforced_rule", "rule", "at"),
)

breaker = Table(
    "breaker",
    metadata,
    Column("rule", String(32), primary_key=True),
    Column("tripped_at", Float, nullable=False),
    Column("enforced", Integer, nullable=False),  # how many cards in the window
)

# What was not done because a rule or everything is stopped: a person decides.
withheld = Table(
    "withheld",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("what", String(12), nullable=False),  # the lifecycle event
    Column("event_id", _BIG, ForeignKey("event.id"), nullable=False),
    Column("outcome", String(12), nullable=False, server_default="waiting"),  # released, dismissed, moot
    Column("decided_at", Float),
    Column("decided_by", String(100)),
    Index("ix_withheld_waiting", "card_id", **_where("outcome = 'waiting'")),
)

# What one person asked for and another decides.
proposal = Table(
    "proposal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("card_id", Integer, ForeignKey("card.id")),
    Column("device_id", Integer, ForeignKey("device.id")),
    Column("detail", JSON, nullable=False),
    Column("reason", String(400), nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("outcome", String(12), nullable=False, server_default="open"),  # approved, refused, withdrawn, expired
    Column("decided_by", String(100)),
    Column("decided_at", Float),
    Column("words", String(400), nullable=False, server_default=""),  # of whoever decided
    Index("ix_proposal_open", "expires_at", **_where("outcome = 'open'")),
)

# What the card's holder is told: suspension, second check, reminder, lifting.
notice = Table(
    "notice",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at", Float, nullable=False),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False, index=True),
    Column("event_id", _BIG, ForeignKey("event.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", JSON, nullable=False),
)

appeal = Table(
    "appeal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False, index=True),
    Column("notice_id", _BIG, ForeignKey("notice.id")),
    Column("filed_at", Float, nullable=False),
    Column("filed_by", String(100), nullable=False),
    Column("statement", String(4000), nullable=False),
    Column("materials", JSON, nullable=False),  # names and SHA-256 digests of what was handed in
    Column("outcome", String(12), nullable=False, server_default="open"),  # upheld, rejected, withdrawn
    Column("due_at", Float, nullable=False),  # when it has to be decided
    Column("remind_at", Float),  # that it is overdue
    Column("decided_at", Float),
    Column("decided_by", String(100)),
    Column("words", String(400), nullable=False, server_default=""),
    Index("ix_appeal_open", "card_id", unique=True, **_where("outcome = 'open'")),
    Index("ix_appeal_remind_at", "remind_at", **_where("remind_at IS NOT NULL")),
)

# What a technician is to check or to change on site (docs/work-orders.md).
work_order = Table(
    "work_order",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(8), nullable=False),  # check, swap
    Column("technician", String(100), nullable=False),  # the name of a token
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False, index=True),
    Column("device_id", Integer, ForeignKey("device.id")),  # swap: the device that the card goes to
    Column("proposal_id", Integer, ForeignKey("proposal.id")),  # swap: the decision that allowed it
    Column("words", String(400), nullable=False),
    Column("made_by", String(100), nullable=False),
    Column("made_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("closed_at", Float),
    Column("closed_by", String(100)),
    Column("outcome", String(12), nullable=False, server_default="open"),  # done, cancelled
    Index("ix_work_order_open", "technician", **_where("outcome = 'open'")),
)

# What devices proved on site: uploaded, and judged by the Evidence alone.
field_result = Table(
    "field_result",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("order_id", Integer, ForeignKey("work_order.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of what the device signed
    Column("at", Float, nullable=False),  # when it was uploaded
    Column("uploaded_by", String(100), nullable=False),
    Column("device_id", Integer, ForeignKey("device.id")),  # whose key signed
    Column("finding", String(32), nullable=False),
    Column("signed_before", Float, nullable=False),  # as the device's counters and the upload tell
    Column("proof", MessageColumn),  # gone once the card is erased
    UniqueConstraint("order_id", "digest", name="uq_field_result_order_id"),
)

# Factory stations, whose word enrols devices (docs/factory.md), and what each said: its log, entry by entry. The
# entries themselves are with the devices' events.
station = Table(
    "station",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("kid", LargeBinary(8), nullable=False, unique=True),
    Column("certificate", LargeBinary, nullable=False),  # DER
    Column("per_day", Integer),  # at most so many devices
    Column("registered_at", Float, nullable=False),
    Column("registered_by", String(100), nullable=False),
    Column("revoked_at", Float),
    Column("distrusted_from", Float),  # what it endorsed since then is not trusted
    Column("reason", String(400), nullable=False, server_default=""),  # of the revocation
)

endorsement = Table(
    "endorsement",
    metadata,
    Column("station_id", Integer, ForeignKey("station.id"), primary_key=True, autoincrement=False),
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary(32), nullable=False),  # SHA-256 of what the entry signs
    Column("at", Float, nullable=False),  # by the station's clock
    Column("received_at", Float, nullable=False),
    Column("device_id", Integer, ForeignKey("device.id"), index=True),  # none: it enrolled none
)

# Sessions that a RADIUS client (NAS, GGSN, P-GW) reported and has not ended.
radius_session = Table(
    "radius_session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_id", Integer, ForeignKey("card.id"), nullable=False, index=True),
    Column("client", String(64), nullable=False),  # its address
    Column("session", String(200), nullable=False),  # Acct-Session-Id
    Column("user_name", IdentityColumn(400), nullable=False, server_default=""),
    Column("address", String(45), nullable=False, server_default=""),  # Framed-IP-Address
    Column("since", Float, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("client", "session", name="uq_radius_session_client"),
)

# The ledger (docs/ledger.md): leaves, the roots of full tiles of them, and signed tree heads.
entry = Table(
    "entry",
    metadata,
    Column("seq", _BIG, primary_key=True, autoincrement=False),  # from 0, without gaps
    Column("kind", String(12), nullable=False),  # the table that the row is in
    Column("row_id", _BIG, nullable=False),
    Column("card_id", Integer),
    Column("salt", LargeBinary(16)),  # gone with the row's content: then nobody can guess it from the leaf
    Column("leaf", LargeBinary(32), nullable=False),
    UniqueConstraint("kind", "row_id", name="uq_entry_kind"),
    Index("ix_entry_card", "card_id", "seq"),
)

tile = Table(
    "tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("index", _BIG, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("size", _BIG, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("message", LargeBinary, nullable=False),  # COSE_Sign1
)
