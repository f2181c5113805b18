"""What cards' holders are told, when, and what they are not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import claims
from simbond_verifier import fleet, notice
from simbond_verifier.appraisal import Card
from simbond_verifier.lifecycle import Access, Event, State, Status
from simbond_verifier.notice import Happened, Kind, Terms
from simbond_verifier.policy import parse as parse_policy
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import Scenarios, parse
from simbond_verifier.store import cards, notices
from support.attester import ICCID, Attester
from support.verifier import SCENARIO, Desk, desk

pytestmark = pytest.mark.usefixtures("store")

POLICY = parse_policy(
    """
[remedy]
channel = "Service hall, Pudong, tel. 10000"
materials = ["business licence 营业执照", "photograph of the device"]
basis = "反电信网络诈骗法第十二条"
time_zone = "Asia/Shanghai"
""",
    "test",
)
IN_A_SCENARIO = SCENARIO + '[remedy]\nchannel = "Meters, tel. 10001"\n'
FOREIGN_IMEI = "353456060000024"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        with made.database.write() as connection:
            notices.install(connection, POLICY, made.scenarios)
        yield made


def written(at: Desk) -> list[notices.Notice]:
    with at.database.read() as connection:
        return notices.read(connection)


def kinds(at: Desk) -> list[str]:
    return [each.kind.value for each in written(at)]


def change(at: Desk, what: Event, **more: Any) -> None:
    with at.database.write() as connection:
        about = cards.by_iccid(connection, ICCID)
        assert about is not None
        cards.change(connection, about, what, at=at.now, **({"actor": "verifier"} | more))


def test_a_suspension_says_why_by_what_and_where_to_turn(at: Desk) -> None:
    meter = Attester()
    at.bind(meter)
    meter.cell = bytes.fromhex("64f01074962f04546761")  # another PLMN
    result = at.attest(meter)

    (told,) = written(at)
    assert (told.kind, told.iccid, told.body["by"]) == (Kind.SUSPENDED, ICCID, "verifier")
    assert [reason["code"] for reason in told.body["reasons"]] == ["out-of-area"]
    assert told.body["evidence"] == {"id": result.evidence_id, "at": at.now}
    assert told.body["facts"]["out-of-area"]["plmn"] == "46001"
    assert told.body["channel"] == "Service hall, Pudong, tel. 10000"
    assert told.body["materials"] == ["business licence 营业执照", "photograph of the device"]
    assert told.body["appeal"]
    for needed in ("处置原因", "救济渠道", "需要提交的资料", "申诉", "反电信网络诈骗法第十二条", "营业执照", ICCID):
        assert needed in told.body["text"]["zh"]


def test_an_operators_words_are_the_reason_and_their_name_stays_inside(at: Desk) -> None:
    at.bind(Attester())
    at.do(fleet.suspend, ICCID, reason="sold abroad", actor="olga")

    (told,) = written(at)
    assert (told.body["by"], told.body["words"]) == ("operator", "sold abroad")
    assert "olga" not in str(told.body)


def test_every_change_that_concerns_the_holder_is_told_and_no_other(at: Desk) -> None:
    at.bind(Attester())
    story: list[tuple[Event, dict[str, Any], list[str]]] = [
        (Event.ALERT, {}, []),
        (Event.RECHECK, {"deadline": at.now + 3600}, ["recheck"]),
        (Event.ALERT, {}, []),
        (Event.AFFIRM, {}, ["passed"]),
        (Event.RESTRICT, {}, ["restricted"]),
        (Event.RECHECK, {"deadline": at.now + 3600}, ["recheck"]),
        (Event.EXPIRE, {}, ["suspended"]),
        (Event.RECHECK, {"deadline": at.now + 7200}, []),
        (Event.OPEN, {"deadline": at.now + 3600}, ["admitted"]),
        (Event.OPEN, {"deadline": at.now + 4000}, ["admitted"]),
        (Event.ALERT, {}, ["suspended"]),
        (Event.AFFIRM, {}, []),
        (Event.ALERT, {}, []),
        (Event.SUSPEND, {"hold": True, "actor": "olga"}, ["suspended"]),
        (Event.LIFT, {}, ["lifted"]),
        (Event.RETIRE, {}, ["retired"]),
    ]
    expected = []
    for event, more, told in story:
        change(at, event, **more)
        expected += told
        assert kinds(at) == expected, event


def test_a_deadline_is_stated_in_the_operators_time_zone(at: Desk) -> None:
    at.bind(Attester())
    change(at, Event.RECHECK, deadline=1_800_000_000.0)

    (told,) = written(at)
    assert told.body["deadline"] == 1_800_000_000.0
    assert "2027-01-15 16:00 CST" in told.body["text"]["zh"]


def test_the_accusers_imei_is_not_told(at: Desk) -> None:
    meter, thief = Attester(), Attester(imei=FOREIGN_IMEI, imsi=None)
    at.bind(meter)
    at.add(thief)
    at.attest(thief)
    meter.iccid, meter.imsi, meter.status = None, None, claims.TRAY_EMPTY
    at.attest(meter)

    (told,) = [each for each in written(at) if each.kind is Kind.SUSPENDED]
    assert told.body["facts"]["foreign_imei"] == "35345606******"
    assert FOREIGN_IMEI[:14] not in str(told.body)


def test_the_holders_own_numbers_are_told(at: Desk) -> None:
    meter = Attester()
    at.bind(meter)
    change(at, Event.SUSPEND, facts={"imei-mismatch": {"enrolled": meter.imei[:14], "says": FOREIGN_IMEI}})

    (told,) = written(at)
    assert told.body["facts"]["imei-mismatch"] == {"enrolled": meter.imei[:14], "says": "35345606*******"}


_numbers = st.one_of(
    st.integers(10**13, 10**20), st.from_regex(r"[0-9]{14,20}", fullmatch=True), st.text(), st.floats(allow_nan=False)
)
_facts = st.recursive(_numbers, lambda inner: st.lists(inner) | st.dictionaries(st.text() | _numbers.map(str), inner))


@given(_facts, st.from_regex(r"[0-9]{14,20}", fullmatch=True))
def test_no_foreign_number_slips_through(facts: Any, other: str) -> None:
    about = Card(1, ICCID, "460001234567890", "meter", Status(State.SUSPENDED, Access.BARRED), 0.0, None)
    happened = Happened(
        0.0, "verifier", (Reason.MANY_CARDS,), f"with {other}", {"facts": {"many-cards": [facts, other]}}
    )

    body = notice.body(about, Kind.SUSPENDED, happened, Terms())

    assert other == ICCID or other not in str(body)


def test_a_scenario_may_name_its_own_channel(tmp_path: Path) -> None:
    with desk(tmp_path, IN_A_SCENARIO) as at:
        with at.database.write() as connection:
            notices.install(connection, POLICY, at.scenarios)
        at.bind(Attester())
        at.do(fleet.suspend, ICCID, reason="x", actor="olga")

        (told,) = written(at)
        assert told.body["channel"] == "Meters, tel. 10001"
        assert told.body["materials"] == ["business licence 营业执照", "photograph of the device"]


def test_a_policy_that_was_changed_counts_for_what_comes_after(at: Desk) -> None:
    at.bind(Attester())
    at.do(fleet.suspend, ICCID, reason="x", actor="olga")
    with at.database.write() as connection:
        notices.install(connection, parse_policy('[remedy]\nchannel = "new"', "test"), at.scenarios)
    at.do(fleet.retire, ICCID, reason="x", actor="olga")

    assert [each.body["channel"] for each in written(at)] == ["Service hall, Pudong, tel. 10000", "new"]


def test_pages_in_the_order_of_their_ids(at: Desk) -> None:
    at.bind(Attester())
    for _ in range(3):
        at.do(fleet.suspend, ICCID, reason="x", actor="olga")
        at.do(fleet.resume, ICCID, reason="x", reverify=False, scenarios=at.scenarios, actor="olga")

    with at.database.read() as connection:
        first = notices.read(connection, limit=4)
        rest = notices.read(connection, after=first[-1].id, limit=4)
    assert [each.kind.value for each in first + rest] == ["suspended", "lifted"] * 3


def test_what_a_notice_would_lack_is_known_before_one_is_written() -> None:
    scenarios = Scenarios(
        [parse(SCENARIO, "test"), parse(IN_A_SCENARIO.replace("1", "2").replace("meter", "m2"), "test")]
    )

    assert notice.gaps(POLICY, scenarios) == []
    lacks = notice.gaps(parse_policy("", "test"), scenarios)
    assert [("channel" in each, "'meter'" in each) for each in lacks] == [(False, False), (True, True), (False, True)]


def test_a_time_zone_that_is_none_is_found_at_once() -> None:
    with pytest.raises(ValueError, match="Asia/Shanghai"):
        parse_policy('[remedy]\ntime_zone = "Beijing"', "test")
