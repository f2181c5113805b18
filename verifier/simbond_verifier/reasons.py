"""Verdict tiers and reason codes: the vocabulary of every answer, event and metric."""

from enum import IntEnum, StrEnum


class Tier(IntEnum):
    """Trustworthiness tiers of AR4SI (draft-ietf-rats-ar4si, section 3.2)."""

    NONE = 0
    AFFIRMING = 2
    WARNING = 32
    CONTRAINDICATED = 96


class Reason(StrEnum):
    """Why a verdict is what it is. The first group refuses the Evidence: nobody's state changes."""

    OVERSIZED = "oversized"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    NOT_CANONICAL = "not-canonical"
    DUPLICATE_KEY = "duplicate-key"
    WRONG_TAG = "wrong-tag"
    WRONG_ALGORITHM = "wrong-algorithm"
    CLAIMS_INVALID = "claims-invalid"
    IMEI_INVALID = "imei-invalid"
    ICCID_INVALID = "iccid-invalid"
    IMSI_INVALID = "imsi-invalid"
    CELL_INVALID = "cell-invalid"
    KEY_UNKNOWN = "key-unknown"
    KEY_REVOKED = "key-revoked"
    SIGNATURE_INVALID = "signature-invalid"
    NONCE_WRONG = "nonce-wrong"
    NEXT_KEY_INVALID = "next-key-invalid"
    NEXT_KEY_USED = "next-key-used"
    ROTATION_TOO_SOON = "rotation-too-soon"
    REPLAYED = "replayed"
    COUNTER_BACK = "counter-back"

    LATE = "late"
    CARD_UNKNOWN = "card-unknown"
    CARD_NOT_BOUND = "card-not-bound"
    CARD_RETIRED = "card-retired"
    CARD_SUSPENDED = "card-suspended"
    TRAY_EMPTY = "tray-empty"
    CARD_UNREADABLE = "card-unreadable"
    CARD_CHANGED = "card-changed"
    FOREIGN_DEVICE_CLAIM = "foreign-device-claim"
    FOREIGN_DEVICE = "foreign-device"
    IMEI_MISMATCH = "imei-mismatch"
    IMEI_UNREADABLE = "imei-unreadable"
    IMSI_MISMATCH = "imsi-mismatch"
    ICCID_MISMATCH = "iccid-mismatch"
    SCENARIO_MISMATCH = "scenario-mismatch"
    SCENARIO_UNKNOWN = "scenario-unknown"
    MODEL_NOT_ALLOWED = "model-not-allowed"
    OUT_OF_AREA = "out-of-area"
    TAMPER = "tamper"
    SIM_STATEMENT_MISSING = "sim-statement-missing"
    SIM_STATEMENT_INVALID = "sim-statement-invalid"
    SIM_KEY_UNKNOWN = "sim-key-unknown"
    KEY_PROTECTION = "key-protection"
    CLONE = "clone"

    NETWORK_IMEI_DIFFERS = "network-imei-differs"
    TRAFFIC_UNATTESTED = "traffic-unattested"
    SILENT = "silent"
    NEVER_USED = "never-used"
    SLEEPING = "sleeping"
    MANY_CARDS = "many-cards"
    PHONE = "phone"
    ROAMING = "roaming"
    IMPOSSIBLE_TRAVEL = "impossible-travel"
    USE_NOT_ALLOWED = "use-not-allowed"
    APN_NOT_ALLOWED = "apn-not-allowed"
    OFTEN_WARNED = "often-warned"

    SWAP_ANNOUNCED = "swap-announced"
    BOUND_BY_USE = "bound-by-use"
    CHECK_EXPIRED = "check-expired"


EXPLAINED: dict[Reason, str] = {
    Reason.OVERSIZED: "The message is longer than 1024 octets; it was not parsed.",
    Reason.TRUNCATED: "The message ends before its CBOR does.",
    Reason.MALFORMED: "The message is not one well-formed COSE_Sign1 structure.",
    Reason.NOT_CANONICAL: "The CBOR is not in deterministic encoding (RFC 8949 section 4.2.1).",
    Reason.DUPLICATE_KEY: "A CBOR map holds the same key twice.",
    Reason.WRONG_TAG: "The message is not tagged as COSE_Sign1 (CBOR tag 18).",
    Reason.WRONG_ALGORITHM: "The signature algorithm is not ES256 (-7).",
    Reason.CLAIMS_INVALID: "A claim is missing, unknown or of the wrong type (docs/evidence.cddl).",
    Reason.IMEI_INVALID: "The IMEI is not 14 decimal digits, or is a placeholder.",
    Reason.ICCID_INVALID: "The ICCID is not 19 or 20 digits beginning with 89.",
    Reason.IMSI_INVALID: "The IMSI does not have 15 decimal digits.",
    Reason.CELL_INVALID: "The serving cell has an unknown form.",
    Reason.KEY_UNKNOWN: "No enrolled device has this key. Enrol the device first.",
    Reason.KEY_REVOKED: "The key of this device was revoked.",
    Reason.SIGNATURE_INVALID: "The signature does not verify: the message was forged or damaged.",
    Reason.NONCE_WRONG: "The nonce was not issued by this verifier to this key.",
    Reason.NEXT_KEY_INVALID: "The next key does not prove itself, or its enrolment request names another IMEI.",
    Reason.NEXT_KEY_USED: "The next key is or was another key of this verifier's devices; a key is used once.",
    Reason.ROTATION_TOO_SOON: "The key of this device was rotated less than an hour ago.",
    Reason.REPLAYED: "This Evidence was received before; it counts once.",
    Reason.COUNTER_BACK: "Boot counter and uptime went back: old Evidence, or the device lost its counter.",
    Reason.LATE: "The nonce has expired, or there was none: this says what was, and proves nothing about now.",
    Reason.CARD_UNKNOWN: "The card was never imported.",
    Reason.CARD_NOT_BOUND: "The card is not bound to any device yet.",
    Reason.CARD_RETIRED: "The card was retired; it has no device and no scenario any more.",
    Reason.CARD_SUSPENDED: "The card is suspended; fresh affirming Evidence or an operator lifts that.",
    Reason.TRAY_EMPTY: "The bound device reports that its SIM tray is empty.",
    Reason.CARD_UNREADABLE: "The bound device has a card but cannot read it (PIN, busy, fault).",
    Reason.CARD_CHANGED: "The bound device reports another card than the one it is bound to.",
    Reason.FOREIGN_DEVICE_CLAIM: "Another device claims to hold this card; nothing independent agrees yet.",
    Reason.FOREIGN_DEVICE: "The card is in a device that it is not bound to, and a second source agrees.",
    Reason.IMEI_MISMATCH: "The bound key reports another IMEI than the enrolled one.",
    Reason.IMEI_UNREADABLE: "The bound device did not state its IMEI.",
    Reason.IMSI_MISMATCH: "The card reports another IMSI than the imported one.",
    Reason.ICCID_MISMATCH: "The modem's own ICCID and the one in EF_ICCID differ.",
    Reason.SCENARIO_MISMATCH: "The device is configured for another scenario than the card's.",
    Reason.SCENARIO_UNKNOWN: "The card's scenario is not loaded on this verifier.",
    Reason.MODEL_NOT_ALLOWED: "The device's type allocation code is not among the scenario's models.",
    Reason.OUT_OF_AREA: "The serving cell is outside the scenario's area.",
    Reason.TAMPER: "The device reports that it was opened.",
    Reason.SIM_STATEMENT_MISSING: "The card's SIM has a registered key, and did not sign this Evidence.",
    Reason.SIM_STATEMENT_INVALID: "The statement beside the Evidence is not by the registered key of the card's SIM.",
    Reason.SIM_KEY_UNKNOWN: "A SIM signed this Evidence, but no key of this card's SIM is registered: not checked.",
    Reason.KEY_PROTECTION: "The device keeps its key less safely than the scenario asks for.",
    Reason.CLONE: "Two devices use this key: its counter runs in two places.",
    Reason.NETWORK_IMEI_DIFFERS: "The network sees the card with another IMEI than its device's.",
    Reason.TRAFFIC_UNATTESTED: "The card is in use, and its device has not attested by the deadline.",
    Reason.SILENT: "The bound device has not attested by the deadline, nor does the network see its card.",
    Reason.NEVER_USED: "The card was handed out long ago and was never seen in use (静默卡).",
    Reason.SLEEPING: "The card was in use once and has not been seen for long (睡眠卡).",
    Reason.MANY_CARDS: "The network sees more cards in this IMEI than the scenario allows: a SIM box, perhaps.",
    Reason.PHONE: "The network sees the card in a phone.",
    Reason.ROAMING: "The card is in a network abroad.",
    Reason.IMPOSSIBLE_TRAVEL: "The card was seen in two places too far apart for the time between.",
    Reason.USE_NOT_ALLOWED: "The card was used for voice or SMS, which its scenario does not have.",
    Reason.APN_NOT_ALLOWED: "The card used an access point name that its scenario does not have.",
    Reason.OFTEN_WARNED: "The card was warned more often than its scenario allows.",
    Reason.SWAP_ANNOUNCED: "A swap of this card's device was announced and approved; its signs count for nothing.",
    Reason.BOUND_BY_USE: "The card was bound to this device by this Evidence, as its scenario allows.",
    Reason.CHECK_EXPIRED: "The card was not re-verified by the deadline.",
}
