"""What the short way calls affirmed, the long way affirms, for whichever device it was asked first."""

from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.appraisal import Appraisal, Card, Device, appraise
from simbond_verifier.evidence import Evidence
from simbond_verifier.ingest.ordinary import Ordinary, Pair
from simbond_verifier.lifecycle import Access, State, Status
from simbond_verifier.reasons import Tier
from simbond_verifier.scenario import Scenario, parse

MEDIUM = """
id = 1
name = "meter"
[area]
plmn = ["46000"]
tac = [29846]
[models]
tac = ["86123405"]
key_protection = "encrypted-flash"
[ladder]
tamper = "ignore"
"""
SCENARIOS = [parse(MEDIUM, "meter"), parse('id = 2\nname = "any"\n', "any")]
HOME, ABROAD = bytes.fromhex("64f00074962f04546761"), bytes.fromhex("13004074962f04546761")
IMEIS = ["86123405000001", "86123405000002", "35345606000002"]
ICCIDS = ["89860012345678901237", "89860012345678904447"]

said = st.builds(
    Evidence,
    kid=st.just(bytes(8)),
    nonce=st.just(bytes(8)),
    bootcount=st.just(1),
    uptime=st.just(1),
    imei=st.sampled_from([None, *IMEIS]),
    iccid=st.sampled_from([None, *ICCIDS]),
    imsi=st.sampled_from([None, "460001234567890", "460001234567891"]),
    cell=st.sampled_from([None, HOME, ABROAD]),
    scenario=st.integers(1, 3),
    status=st.sampled_from([0, 1, 2, 4, 8, 16, 9, 17]),
)
pairs = st.builds(
    Pair,
    device_id=st.just(7),
    imei=st.sampled_from(IMEIS),
    bootcount=st.just(0),
    uptime=st.just(0),
    card_id=st.just(9),
    iccid=st.sampled_from(ICCIDS),
    imsi=st.just("460001234567890"),
    scenario=st.just(""),
)


@given(st.lists(st.tuples(said, pairs, st.sampled_from(SCENARIOS)), min_size=1, max_size=30))
def test_affirms_what_appraisal_affirms(stories: list[tuple[Evidence, Pair, Scenario]]) -> None:
    ordinary = Ordinary()
    for evidence, some_pair, scenario in stories:
        pair = some_pair._replace(scenario=scenario.name)
        status = Status(State.BOUND, Access.ALLOWED)
        bound = Card(pair.card_id, pair.iccid, pair.imsi, pair.scenario, status, 5.0, pair.device_id)
        device = Device(pair.device_id, pair.imei, IMEIS[1])
        if ordinary.affirms(evidence, pair, scenario):
            assert appraise(evidence, device, bound, None, scenario, 6.0) == Appraisal(Tier.AFFIRMING)
            assert appraise(evidence, device, bound, None, scenario, 4.0) == Appraisal(Tier.AFFIRMING)


def test_the_pair_as_enrolled_is_ordinary_and_another_is_not() -> None:
    ordinary = Ordinary()
    pair = Pair(7, IMEIS[0], 0, 0, 9, ICCIDS[0], "460001234567890", "any")
    here = Evidence(bytes(8), bytes(8), 1, 1, pair.imei, pair.iccid, None, HOME, 2, 0)
    for _ in range(2):
        assert ordinary.affirms(here, pair, SCENARIOS[1])
        assert not ordinary.affirms(here._replace(iccid=ICCIDS[1]), pair, SCENARIOS[1])
        assert not ordinary.affirms(here._replace(imsi="460001234567891"), pair, SCENARIOS[1])
