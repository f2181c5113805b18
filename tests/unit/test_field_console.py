"""The console's host side against a device that says too much."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from simbond_tools.field.console import Console
from simbond_tools.field.errors import NoAgent
from simbond_tools.field.line import Line


class Talker:
    """A line on which the given octets come, whatever is asked."""

    url = "a cable"

    def __init__(self, *said: bytes) -> None:
        self._said: Iterator[bytes] = iter(said)

    def write(self, data: bytes) -> None: ...

    def read(self, most: int, timeout_s: float) -> bytes:
        return next(self._said, b"")


def console(*said: bytes) -> Console:
    return Console(cast("Line", Talker(*said)))


def event(**members: Any) -> bytes:
    return json.dumps(members).encode() + b"\r\n"


def test_of_events_without_end_the_last_are_kept() -> None:
    flood = [b"".join(event(event="noise", number=100 * i + k) for k in range(100)) for i in range(100)]
    asked = console(*flood, event(event="reply", id=1, kid="00"))

    assert asked.status()["kid"] == "00"
    assert asked.events[-1]["number"] == 9999
    assert len(asked.events) <= 1000


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_reply_of_unlikely_length_is_noise(pieces: int) -> None:
    """Nor does it reach a screen."""
    reply = event(event="reply", id=1, kid="A" * 20_000)
    size = len(reply) // pieces + 1
    asked = console(*(reply[at : at + size] for at in range(0, len(reply), size)))
    with pytest.raises(NoAgent):
        asked.status(timeout_s=0.01, tries=1)
