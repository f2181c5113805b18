"""The codes of the agent's errors, as MicroPython says them and as doctor takes them."""

from pathlib import Path

import pytest

from simbond_agent import codes
from simbond_tools.agent_process import AgentProcess
from simbond_tools.demo.authority import make_authority
from simbond_tools.doctor.uplink import cause
from support.device_server import Reply


def code_of(process: AgentProcess, what: str) -> str:
    return str(process.wait_for("error", what=what)["code"])


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("names", "harm", "code"),
    [
        (["key"], shorten, codes.KEY_DAMAGED),
        (["key"], Path.unlink, codes.KEY_GONE),
        (["state.a", "state.b"], shorten, codes.COUNTER_DAMAGED),
        (["state.a", "state.b"], Path.unlink, codes.COUNTER_DAMAGED),
    ],
)
def test_a_loss_is_told_by_its_code(agent, tmp_path, names, harm, code):
    process = agent()
    process.wait_for("enrolment")
    process.restart()  # so that there are both slots of the counter
    process.wait_for("enrolment")
    process.stop()
    for name in names:
        harm(tmp_path / "state" / name)
    process.restart()
    assert process.wait_for_end() == 1
    assert (process.events[-1]["what"], process.events[-1]["code"]) == ("setup", code)
    assert str(tmp_path / "state") in process.events[-1]["detail"]


def test_a_directory_that_cannot_be_made_is_told_by_its_code(agent, tmp_path):
    assert code_of(agent(state_dir=tmp_path / "none" / "state"), "setup") == codes.STATE_DIR


def test_a_setting_has_no_code(agent):
    process = agent(url="ftp://verifier.example")
    assert process.wait_for("error", what="setup")["code"] is None


def test_a_silent_modem_is_told_by_its_code(agent, modem):
    modem.fault("silence", 12)
    assert code_of(agent(), "modem") == codes.MODEM_SILENT


def test_the_ways_to_fail_at_the_verifier(agent, server, tmp_path):
    server.replies.append(Reply(404))
    assert code_of(agent(), "uplink") == codes.HTTP_STATUS
    refused = agent(ca=make_authority(tmp_path / "stranger").ca_der).wait_for("error", what="uplink")
    assert refused["code"] == codes.CONNECTION
    assert cause(refused["code"], refused["detail"]).startswith("certificate")
    nowhere = agent(url="https://nowhere.invalid").wait_for("error", what="uplink")
    assert nowhere["code"] == codes.CONNECTION
    assert cause(nowhere["code"], nowhere["detail"]) == "name"
