"""Scenario files: read strictly, and what they allow."""

import pytest

from simbond_agent.claims import pack_cell
from simbond_verifier.reasons import Reason
from simbond_verifier.scenario import DEFAULT_LADDER, InvalidScenario, Scenarios, Step, parse

GOOD = 'id = 1\nname = "meter"\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id = ", "not TOML"),
        ('name = "x"', "id"),
        (GOOD + "intervall = 5", "intervall"),
        (GOOD + "[reporting]\ninterval_s = 1", "reporting.interval_s"),
        (GOOD + '[reporting]\ninterval_s = "daily"', "reporting.interval_s"),
        (GOOD + '[area]\nplmn = ["4600"]', "area.plmn"),
        (GOOD + '[models]\ntac = ["861234050000013"]', "models.tac"),
        (GOOD + '[ladder]\nout-of-area = "punish"', "ladder.out-of-area"),
        (GOOD + '[ladder]\nfoo = "alert"', "ladder.foo"),
        (GOOD + '[ladder]\nreplayed = "suspend"', "replayed cannot be weighed"),
        ('id = 1\nname = "Water Meter"', "name"),
    ],
)
def test_a_fault_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidScenario) as refused:
        parse(text, "meter.toml")
    assert "meter.toml" in str(refused.value)
    assert named in str(refused.value)


def test_the_ladder_overrides_the_default() -> None:
    scenario = parse(GOOD + '[ladder]\nout-of-area = "suspend"', "f")
    assert scenario.step(Reason.OUT_OF_AREA) is Step.SUSPEND
    assert scenario.step(Reason.TAMPER) is DEFAULT_LADDER[Reason.TAMPER]


@pytest.mark.parametrize("second", ['id = 2\nname = "meter"', 'id = 1\nname = "other"'])
def test_names_and_ids_are_unique(second: str) -> None:
    with pytest.raises(InvalidScenario, match="twice"):
        Scenarios([parse(GOOD, "a"), parse(second, "b")])


AREA = parse(GOOD + '[area]\nplmn = ["46000"]\ntac = [7]\ncells = [[7, 42]]', "f").area


@pytest.mark.parametrize(
    ("cell", "inside"),
    [
        ({"rat": "LTE", "plmn": "46000", "tac": 7, "cell_id": 42}, True),
        ({"rat": "LTE", "plmn": "46001", "tac": 7, "cell_id": 42}, False),
        ({"rat": "LTE", "plmn": "46000", "tac": 8, "cell_id": 42}, False),
        ({"rat": "LTE", "plmn": "46000", "tac": 7, "cell_id": 43}, False),
        ({"rat": "GSM", "plmn": "46000", "lac": 7, "cell_id": 42}, True),
        ({"rat": "LTE", "plmn": "46000"}, True),
        ({"tac": 8}, False),
    ],
)
def test_an_area_lists_what_is_allowed(cell: dict[str, object], inside: bool) -> None:
    assert AREA.allows(pack_cell(cell)) is inside


def test_an_empty_area_allows_everything() -> None:
    assert parse(GOOD, "f").area.allows(pack_cell({"plmn": "20801"}))
