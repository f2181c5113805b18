"""Waiting until the network's own records say what was ordered."""

from time import monotonic, sleep
from typing import Any

import click

from simbond_tools.client import Api

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0

wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Wait until the network has confirmed; exit code 1 when it has not by then.",
)


def await_confirmation(api: Api, card: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bool]:
    """The card as it is once the target has confirmed its access, or at the end of the time; and whether it has.

    False at once where another order overtook this one.
    """
    wanted = card["access"]
    end = monotonic() + seconds
    pause = _FIRST_PAUSE_S
    while True:
        command = card["enforcement"]
        if card["access"] != wanted:
            return card, False
        if command is None or command["outcome"] == "confirmed":
            return card, True
        left = end - monotonic()
        if left <= 0:
            return card, False
        sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE_S)
        card = api.get(f"/v1/cards/{card['iccid']}")
