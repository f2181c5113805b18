"""The agent's error codes: one for each thing that goes wrong, documented, and put into words by the tools."""

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from simbond_agent import codes, console
from simbond_agent.agent import run
from simbond_agent.keystore import Keystore
from simbond_agent.port import ModemError
from simbond_agent.signer.error import SignerError
from simbond_agent.status import Reporter
from simbond_agent.uplink import UplinkError, ask
from simbond_tools import i18n
from simbond_tools.field.agent_words import in_words
from simbond_tools.flash.board import Board
from simbond_tools.flash.job import Progress
from simbond_tools.flash.starting import NotStarted, wait_for_start

DOCUMENT = Path(__file__).parents[2] / "docs" / "error-codes.md"
CODES = {value for name, value in vars(codes).items() if name.isupper()}


def told(error: Exception) -> dict:
    """The error event that an exception makes."""
    lines: list[str] = []
    Reporter(lines.append).error("what", error)
    return json.loads(lines[0])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UplinkError(codes.NO_ANSWER, "no answer within 30 s"), "no-answer"),
        (ModemError("silent"), "modem-silent"),
        (SignerError("the SIM's key is no P-256 point"), "signer"),
        (ValueError("the board file lacks url"), None),
    ],
)
def test_an_error_event_has_a_code_beside_its_words(error: Exception, code: str | None) -> None:
    assert told(error) == {"event": "error", "what": "what", "code": code, "detail": str(error)}


@pytest.mark.parametrize("code", [404, print, b"no-answer", SimpleNamespace])
def test_what_a_makers_own_part_calls_a_code_is_none(code: object) -> None:
    error = OSError("Not Found")
    error.code = code  # type: ignore[attr-defined]
    assert told(error)["code"] is None


def test_an_error_without_words_is_called_by_its_kind() -> None:
    assert told(MemoryError())["detail"] == "MemoryError"


def test_an_agent_that_cannot_start_says_by_which_code(tmp_path: Path) -> None:
    Keystore(str(tmp_path / "state"))
    (tmp_path / "state" / "key").unlink()
    lines: list[str] = []
    board = SimpleNamespace(
        at_stream=None, url="http://x", state_dir=str(tmp_path / "state"), scenario=1, log=lines.append
    )
    with pytest.raises(SystemExit):
        run(board)
    event = json.loads(lines[-1])
    assert (event["event"], event["what"], event["code"]) == ("error", "setup", "key-gone")


@pytest.mark.parametrize(
    ("line", "code"),
    [(b'{"do": "dance"}', "unknown-command"), (b"AT", None), (b'{"do": "prove", "nonce": "00"}', None)],
)
def test_a_refusal_on_the_console_has_a_code(line: bytes, code: str | None) -> None:
    replies: list[dict] = []
    agent = SimpleNamespace(report=lambda _name, reply: replies.append(reply))
    asyncio.run(console.answer(agent, line))
    assert replies[0]["error"]
    assert replies[0]["code"] == code


def test_what_is_no_answer_is_told_by_its_code() -> None:
    async def send(kind: str, message: bytes) -> bytes:
        return b"<html>"

    with pytest.raises(UplinkError) as error:
        asyncio.run(ask(SimpleNamespace(send=send), "evidence", b""))
    assert error.value.code == codes.BAD_ANSWER


def test_every_code_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(CODES)


@pytest.mark.parametrize("code", sorted(CODES - {codes.CONNECTION}))
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_tools_have_words_for_every_code(code: str, language: str) -> None:
    i18n.use(language)
    try:
        words = in_words(code, "its own words")
    finally:
        i18n.use(None)
    assert words.endswith(" (its own words)")
    assert words.isascii() == (language == "en")


def test_what_has_no_code_or_one_that_is_not_known_is_told_in_the_agents_words() -> None:
    for code in (None, codes.CONNECTION, "of-a-newer-agent", ["a list"], 7):
        assert in_words(code, "its own words") == "its own words"
    assert in_words("key-gone", None) == "The device's key is gone, its boot counter is not."


def test_a_board_whose_agent_does_not_start_says_why_in_words() -> None:
    event = {"event": "error", "what": "setup", "code": "key-gone", "detail": "/state/key"}
    board = cast(Board, SimpleNamespace(heard=lambda _seconds: json.dumps(event).encode() + b"\n"))
    with pytest.raises(NotStarted, match=r"The agent says: The device's key is gone, .* \(/state/key\)"):
        wait_for_start(board, 5, cast(Progress, SimpleNamespace(waiting=lambda: None)))
