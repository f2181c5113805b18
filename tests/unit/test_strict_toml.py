"""What a person who mistypes a scenario or a policy is told."""

import pytest

from simbond_verifier import policy, scenario

NAMED = 'id = 1\nname = "meter"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            NAMED + "[reporting]\nintervall_s = 60",
            "meter.toml: [reporting]: unknown field 'intervall_s', did you mean 'interval_s'?",
        ),
        (NAMED + "[remedyy]\nchannel = 'x'", "meter.toml: unknown field 'remedyy', did you mean 'remedy'?"),
        (NAMED + "zzz = 1", "meter.toml: unknown field 'zzz'; known are: "),
        ('name = "meter"', "meter.toml: field 'id' is missing"),
        (
            NAMED + '[reporting]\ninterval_s = "often"',
            "meter.toml: reporting.interval_s: Input should be a valid integer",
        ),
        (NAMED + "[[remedy]]", "meter.toml: remedy: Input should be "),
        ("=", "meter.toml: not TOML"),
    ],
)
def test_a_scenario(text: str, told: str) -> None:
    with pytest.raises(scenario.InvalidScenario) as fault:
        scenario.parse(text, "meter.toml")

    assert str(fault.value).startswith(told)


def test_a_table_in_a_list_of_them() -> None:
    text = '[[radius.clients]]\naddress = "192.0.2.1"\nsecrett = "x"'
    with pytest.raises(policy.InvalidPolicy) as fault:
        policy.parse(text, "policy.toml")

    assert "[radius.clients.0]: unknown field 'secrett', did you mean 'secret" in str(fault.value)
