"""From findings to the verdict: every verdict, the order of causes, and that there is one whatever was found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_tools import i18n
from simbond_tools.cli import common
from simbond_tools.doctor import BY_CODE, VERDICTS, Diagnosis, Findings, Severity, judge
from simbond_tools.doctor.orders import expected
from simbond_tools.doctor.rules import RULES
from simbond_tools.doctor.uplink import cause
from simbond_tools.field.signal import quality
from simbond_verifier.signing_key import PublicKey
from simbond_verifier.work_orders.bundle import Bundle, Kind, WorkOrder
from simbond_verifier.work_orders.finding import KnownDevice, Standing
from simbond_verifier.work_orders.ticket import Ticket
from support import doctor_table
from support.attester import Attester

ICCID, OTHER = "89860490127123456708", "8986079012712345688"
IMEI, OTHER_IMEI = "001015020000011", "00101502000002"
KID, OTHER_KID = "1df40ecbda9e0cdc", "3925b726f7929926"
URL = "https://verifier.example"

MODEM = {"imei": IMEI, "iccid": ICCID, "sim": "ready", "reg": "home", "rat": "LTE", "rsrp_dbm": -95, "rssi_dbm": -67}
AGENT = {"kid": KID, "url": URL, "waiting": "interval", "tier": "affirming", "reasons": [], "ahead_s": 0.4}
CARD = {"state": "bound", "device": {"kid": KID, "imei": IMEI[:14]}, "held": False, "because": None, "swap": None}
DEVICE = {"imei": IMEI[:14], "imei2": None, "cards": [ICCID], "revoked_at": None}
CABLE = {"port": "/dev/ttyUSB2", "speaks": "agent"}


def found(
    *,
    cable: dict[str, Any] | None = None,
    modem: dict[str, Any] | None = None,
    agent: dict[str, Any] | None = None,
    verifier: dict[str, Any] | None = None,
) -> Findings:
    """What is found of a device that is well, asked without a verifier, but for what differs."""
    parts: dict[str, Any] = {
        "cable": CABLE | (cable or {}),
        "modem": MODEM | (modem or {}),
        "agent": AGENT | (agent or {}),
    }
    return Findings.read(parts | ({"verifier": verifier} if verifier else {}))


def failing(detail: str, **more: Any) -> Findings:
    """A device that does not reach its verifier."""
    return found(agent={"waiting": "uplink", "error": "uplink", "detail": detail, "tier": None} | more)


def registered(card: dict[str, Any] | None = None, device: dict[str, Any] | None = None, **more: Any) -> Findings:
    """What is found where the verifier was asked."""
    known = {"url": URL, "card": CARD | (card or {}), "device": DEVICE | (device or {})}
    return found(verifier=known | more.pop("verifier", {}), **more)


def rejected(*reasons: str, tier: str = "contraindicated", **more: Any) -> Findings:
    """A device whose last report was answered with these reasons."""
    return found(agent={"tier": tier, "reasons": list(reasons)} | more)


def only_modem(**more: Any) -> Findings:
    return Findings.read({"cable": CABLE | {"speaks": "modem"}, "modem": MODEM | more})


def on_cable(**more: Any) -> Findings:
    return Findings.read({"cable": {"port": "/dev/ttyUSB2"} | more})


def ended(code: str | None, words: str) -> Findings:
    """What is found of an agent that did not start."""
    return Findings.read({"cable": CABLE | {"speaks": "micropython"}, "agent": {"ended": words, "code": code}})


LOSSES = ("key-damaged", "next-key-damaged", "key-gone", "counter-damaged")
ELSEWHERE = {"device": {"kid": OTHER_KID, "imei": OTHER_IMEI}}
SUSPENDED = {"state": "suspended", "because": {"reasons": ["tray-empty"], "words": ""}}

CASES = [
    ("no-port", on_cable(port="", problem="no-port")),
    ("port-busy", on_cable(problem="port-busy")),
    ("port-not-allowed", on_cable(problem="port-not-allowed")),
    ("port-unusable", on_cable(problem="not-a-serial-port")),
    ("port-unusable", on_cable(problem="port")),
    ("unplugged", on_cable(problem="unplugged")),
    ("silent", on_cable(speaks="silent")),
    ("silent", Findings()),
    *(("key-damaged", ended(code, "/state/key; remove /state")) for code in LOSSES),
    ("agent-setup", ended(None, "the board file lacks url")),
    ("agent-setup", ended(None, "The key file (key) is damaged.")),
    ("agent-setup", ended("state-dir", "/x/state: [Errno 2] ENOENT; is its parent there?")),
    ("agent-setup", ended("of-a-newer-agent", "too new")),
    ("agent-stopped", on_cable(speaks="micropython")),
    ("agent-mute", Findings.read({"cable": CABLE, "agent": {"mute": True}})),
    ("modem-silent", Findings.read({"cable": CABLE, "agent": AGENT, "modem": {"error": "modem does not answer AT"}})),
    ("agent-failing", found(agent={"waiting": "internal", "detail": "MemoryError"})),
    ("agent-failing", found(agent={"waiting": "internal", "code": "next-key-damaged", "detail": "/state/key.next"})),
    ("radio-off", found(modem={"functionality": "+CFUN: 4", "reg": "none"})),
    ("radio-off", found(modem={"functionality": "+CFUN:0", "pin": "+CME ERROR: 13", "sim": "", "iccid": ""})),
    ("no-sim", found(modem={"sim": "absent", "iccid": None, "reg": "none"})),
    ("no-sim", found(modem={"sim": None, "iccid": None, "pin": "+CME ERROR: SIM not inserted"})),
    ("sim-puk", found(modem={"sim": None, "pin": "+CPIN: SIM PUK", "reg": "denied"})),
    ("sim-puk", found(modem={"sim": None, "pin": "+CME ERROR: 12"})),
    ("sim-pin", found(modem={"sim": "pin", "pin": "+CPIN: SIM PIN"})),
    ("module-locked", found(modem={"sim": None, "pin": "+CPIN: PH-NET PIN"})),
    ("sim-failure", found(modem={"sim": None, "iccid": None, "pin": "+CME ERROR: 13"})),
    ("sim-failure", found(modem={"sim": None, "pin": "+CME ERROR: SIM wrong"})),
    ("sim-busy", found(modem={"sim": "busy", "iccid": None})),
    ("card-unreadable", found(modem={"iccid": None})),
    ("imei-unreadable", found(modem={"imei": None})),
    ("wrong-card", registered(ELSEWHERE, {"cards": [OTHER]})),
    ("wrong-card", rejected("card-changed")),
    ("wrong-card", found(agent={"waiting": "uplink", "flags": claims.SIM_CHANGED | 1})),
    ("wrong-device", registered(ELSEWHERE, {"cards": []})),
    ("wrong-device", registered(ELSEWHERE, verifier={"device": {}, "device_problem": "device-unknown"})),
    ("wrong-device", rejected("foreign-device-claim", "card-suspended")),
    ("wrong-imei", registered(device={"imei": OTHER_IMEI})),
    ("wrong-imei", rejected("imei-mismatch")),
    ("key-revoked", registered(device={"revoked_at": 1.0})),
    ("key-revoked", rejected("key-revoked")),
    ("not-enrolled", rejected("key-unknown")),
    ("key-cloned", rejected("clone")),
    ("card-unknown", registered(verifier={"card": {}, "card_problem": "card-unknown"}, device={"cards": []})),
    ("card-unknown", rejected("card-unknown", tier="warning")),
    ("card-retired", registered({"state": "retired", "device": None}, {"cards": []})),
    ("card-suspended", registered(SUSPENDED)),
    ("card-suspended", rejected("card-suspended", "tray-empty")),
    ("card-held", registered(SUSPENDED | {"held": True})),
    ("card-not-bound", registered({"state": "stock", "device": None}, {"cards": []})),
    ("card-not-bound", rejected("card-not-bound", tier="warning")),
    ("contraindicated", rejected("counter-back")),
    ("registration-denied", found(modem={"reg": "denied"})),
    ("no-coverage", found(modem={"reg": "searching", "rsrp_dbm": None, "rssi_dbm": None})),
    ("searching", found(modem={"reg": "searching"})),
    ("outside-scenario", rejected("roaming", tier="warning")),
    ("outside-scenario", rejected("out-of-area")),
    ("clock-wrong", failing("x: The certificate validity starts in the future", ahead_s=-9e8)),
    ("server-name", failing("verifier.example: [addrinfo error -2]")),
    ("server-refused", failing("verifier.example: [Errno 111] ECONNREFUSED")),
    ("certificate-untrusted", failing("x: \nThe certificate is not correctly signed by the trusted CA\n")),
    ("certificate-name", failing("x: The certificate Common Name (CN) does not match with the expected CN")),
    ("certificate-date", failing("x: The certificate validity has expired")),
    ("certificate-refused", failing("x: (-9984, 'MBEDTLS_ERR_X509_CERT_VERIFY_FAILED')")),
    ("server-refused", failing("verifier.example: [Errno 111] ECONNREFUSED", code="connection")),
    ("server-answer", failing("verifier.example: HTTP 404", code="http-status")),
    ("server-answer", failing("cut short", code="bad-answer")),
    ("server-answer", failing("x: the broker refuses 3925b726f7929926: topics", code="broker-refused")),
    ("server-answer", failing("set mqtt_user to 3925b726f7929926", code="mqtt-user")),
    ("certificate-refused", failing("set own_ca", code="own-ca")),
    ("server-unreachable", failing("no answer within 30 s", code="no-answer")),
    ("server-unreachable", failing("AT+QHTTPPOST: +CME ERROR: 714", code="modem-stack")),
    ("server-unreachable", failing("AT+QSSLOPEN: certificate", code="modem-stack")),
    ("server-unreachable", failing("verifier.example: HTTP 404")),
    ("weak-signal", found(modem={"rsrp_dbm": -118})),
    ("weak-signal", found(modem={"rat": "NB-IoT", "rsrp_dbm": -128})),
    ("weak-signal", found(modem={"rat": "GSM", "rsrp_dbm": None, "rssi_dbm": -107})),
    ("warned", rejected("tamper", tier="warning")),
    ("warned", registered({"state": "warned", "because": {"reasons": ["silent"]}})),
    ("reverifying", registered({"state": "reverifying"})),
    ("not-attested", found(agent={"waiting": None, "tier": None})),
    ("agent-unseen", only_modem()),
    ("well", found()),
    ("well", registered()),
    ("well", found(modem={"rat": "NB-IoT", "rsrp_dbm": -118})),
    ("well", registered({"device": {"kid": OTHER_KID}, "swap": {"device": KID}}, {"cards": []})),
]


@pytest.mark.parametrize(("code", "findings"), CASES, ids=[f"{code}-{n}" for n, (code, _) in enumerate(CASES)])
def test_each_verdict(code: str, findings: Findings) -> None:
    diagnosis = judge(findings)

    assert (diagnosis.verdict.code, [one.verdict.code for one in diagnosis.also]) == (
        code,
        [one.verdict.code for one in diagnosis.also if one.verdict.code != code],
    )


def test_there_is_a_case_for_every_verdict() -> None:
    notes = {verdict.code for verdict in VERDICTS if verdict.severity is Severity.NOTE}

    assert {code for code, _findings in CASES} == BY_CODE.keys() - notes


def also(diagnosis: Diagnosis) -> list[str]:
    return [one.verdict.code for one in diagnosis.also]


def test_the_cause_is_the_verdict_and_what_follows_from_it_stands_below() -> None:
    away = {"waiting": "uplink", "error": "uplink", "detail": "no answer within 30 s", "tier": None}
    locked = judge(found(modem={"sim": "pin", "reg": "denied"}, agent=away))
    assert (locked.verdict.code, also(locked)) == ("sim-pin", ["registration-denied", "server-unreachable"])

    swapped = judge(registered(SUSPENDED | ELSEWHERE, {"cards": [OTHER]}, modem={"reg": "denied"}))
    assert swapped.verdict.code == "wrong-card"
    assert also(swapped) == ["wrong-device", "card-suspended", "registration-denied"]


def test_a_note_never_is_the_verdict() -> None:
    diagnosis = judge(found(modem={"reg": "roaming"}, verifier={"url": URL, "problem": "No answer"}))

    assert (diagnosis.verdict.code, also(diagnosis)) == ("well", ["roaming", "verifier-not-asked"])


def test_the_reasons_of_the_verifier_stand_with_what_they_are_about() -> None:
    assert judge(registered(SUSPENDED)).judged.reasons == ["tray-empty"]
    assert judge(rejected("card-suspended", "tray-empty")).judged.reasons == ["tray-empty"]
    held = judge(registered(SUSPENDED | {"held": True, "because": {"reasons": [], "words": "lost, says the owner"}}))
    assert held.judged.detail == "lost, says the owner"


def test_an_agent_that_works_again_is_not_judged_by_the_error_before() -> None:
    assert judge(found(agent={"error": "uplink", "detail": "no answer within 30 s"})).verdict.code == "well"


def test_a_board_without_a_clock_that_reaches_its_verifier_is_well() -> None:
    assert judge(found(agent={"ahead_s": -9e8})).verdict.code == "well"


@pytest.mark.parametrize("level", range(-120, -98))
def test_a_weak_signal_is_what_probe_calls_very_weak(level: int) -> None:
    for modem in ({"rsrp_dbm": level}, {"rat": "GSM", "rsrp_dbm": None, "rssi_dbm": level}):
        assert (judge(found(modem=modem)).verdict.code == "weak-signal") == (quality(modem) == "very weak")


def test_an_esim_with_another_profile_is_no_wrong_card() -> None:
    flags = claims.SIM_CHANGED | claims.SAME_HARDWARE

    assert judge(found(agent={"flags": flags})).verdict.code == "well"


def test_the_words_name_what_was_found() -> None:
    judged = judge(registered(ELSEWHERE, {"cards": [OTHER]})).judged

    assert ICCID in judged.words
    assert "{" not in judged.words + judged.step
    assert "?" in judge(on_cable(port="", problem="port-busy")).judged.words


def test_codes_and_exit_statuses_are_distinct_and_no_others() -> None:
    statuses = [verdict.status for verdict in VERDICTS]
    taken = {
        *(common.NEGATIVE, common.USAGE, common.UNREACHABLE, common.REFUSED),
        *(common.NOT_FOUND, common.NOT_ALLOWED, common.LOCAL, 130),
    }

    assert len(set(statuses)) == len(statuses) == len(BY_CODE)
    assert taken.isdisjoint(statuses)
    assert max(statuses) < 126  # from there on shells have meanings of their own
    assert [verdict.code for verdict in VERDICTS if verdict.status == 0] == ["well"]
    assert RULES.keys() == BY_CODE.keys()


def test_the_documents_have_the_table() -> None:
    """After a change: python -m tests.support.doctor_table."""
    assert doctor_table.FILE.read_text("utf-8") == doctor_table.document()


POINT = Attester().point
ORDER = WorkOrder(Kind.CHECK, "", b"", Ticket(7, 1, 2, ICCID, POINT, IMEI[:14]))
HOLDER = PublicKey(POINT).kid.hex()


def by_orders(order: WorkOrder, *, iccid: str = ICCID, kid: str = HOLDER, revoked: bool = False) -> str:
    """The verdict on a device where a technician has this work order and no network."""
    known = KnownDevice(POINT, IMEI[:14], Standing.REVOKED if revoked else Standing.IN_FORCE)
    bundle = Bundle("tom", 1, 2, (order,), (known,))
    parts: dict[str, Any] = {"modem": MODEM | {"iccid": iccid}, "agent": AGENT | {"kid": kid}}
    return judge(Findings.read(parts | {"verifier": expected(bundle, parts)})).verdict.code


def test_work_orders_say_what_belongs_together_where_there_is_no_network() -> None:
    assert by_orders(ORDER) == "well"
    assert by_orders(ORDER, iccid=OTHER) == "wrong-card"
    assert by_orders(ORDER, kid=OTHER_KID) == "wrong-device"
    assert by_orders(ORDER, revoked=True) == "key-revoked"
    assert by_orders(ORDER, iccid=OTHER, kid=OTHER_KID) == "well", "of that pair they say nothing"


def test_during_a_swap_the_card_may_be_in_either_device() -> None:
    swap = ORDER._replace(kind=Kind.SWAP, leaves=bytes.fromhex(OTHER_KID), replaces=OTHER)

    assert by_orders(swap) == by_orders(swap, kid=OTHER_KID) == by_orders(swap, iccid=OTHER) == "well"
    assert by_orders(swap, kid=KID) == "wrong-device"


@pytest.mark.parametrize("code", ["connection", ""])
def test_what_the_text_of_the_system_says_of_the_way(code: str) -> None:
    assert cause(code, "10.0.0.1: [Errno 113] EHOSTUNREACH") == ""
    assert cause(code, "x: -202") == "name"


def test_what_the_agent_says_stands_below_in_words_of_its_code() -> None:
    detail = judge(ended("key-gone", "/state/key; remove /state")).judged.detail
    assert detail == "The device's key is gone, its boot counter is not. (/state/key; remove /state)"
    assert judge(ended(None, "the board file lacks url")).judged.detail == "the board file lacks url"
    answered = judge(failing("cut short", code="bad-answer")).judged.detail
    assert answered == "What comes back is no verifier's answer. (cut short)"


NUMBERS = st.integers() | st.floats()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
_PLAUSIBLE = st.sampled_from(
    [
        *("absent", "pin", "busy", "ready", "home", "roaming", "denied", "searching", "none", "agent", "modem"),
        *(
            "uplink",
            "interval",
            "warning",
            "affirming",
            "key-unknown",
            "{iccid}",
            "{",
            "+CME ERROR: 13",
            KID,
            IMEI,
            ICCID,
        ),
    ]
)


def part(*names: str) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(names), _PLAUSIBLE | ANYTHING) | ANYTHING


DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "cable": part("port", "speaks", "problem", "words"),
        "modem": part(*MODEM, "pin", "functionality", "error", "operator", "plmn"),
        "agent": part(*AGENT, "ended", "mute", "flags", "error", "detail", "code"),
        "verifier": part("card", "device", "card_problem", "device_problem", "problem"),
    },
)


@given(DOCUMENTS | ANYTHING, st.sampled_from(i18n.LANGUAGES))
def test_whatever_was_found_there_is_one_verdict(document: object, language: str) -> None:
    i18n.use(language)
    try:
        diagnosis = judge(Findings.read(document))

        assert diagnosis.verdict is BY_CODE[diagnosis.verdict.code]
        assert diagnosis.verdict.severity is not Severity.NOTE
        assert diagnosis.verdict.code not in also(diagnosis)
        for judged in (diagnosis.judged, *diagnosis.also):
            assert judged.words
            assert judged.step
            assert all(isinstance(reason, str) for reason in judged.reasons)
            assert isinstance(judged.detail, str)
    finally:
        i18n.use(None)
