"""`simbond observations`: what a network saw of cards, handed to the verifier."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from simbond_tools.client import Api

from .common import NEGATIVE, USAGE, Failure, complain, json_option, print_faults, print_json, read_input, say
from .remote import Server, server_options

_AT_ONCE = 500
_OCTETS = 60_000


@click.group()
def observations() -> None:
    """Hands in what networks see of cards."""


@observations.command()
@click.argument("source", metavar="FILE|-")
@server_options()
@json_option
def send(source: str, server: Server, as_json: bool) -> None:
    """Hands in observations: JSON, one object a line, or one array (docs/detection.md).

    What was taken before counts once: an interrupted list is simply sent again. Exit code 1: some were refused.
    """
    found = _read(read_input(source))
    counts = dict.fromkeys(("taken", "repeated", "unknown", "refused"), 0)
    faults: list[dict[str, Any]] = []
    with server.connect() as api:
        for number, result in enumerate(_results(api, found), 1):
            counts[result["outcome"]] = counts.get(result["outcome"], 0) + 1
            if result["outcome"] == "refused":
                faults.append({"at": f"observation {number}", "problem": result["problem"]})
    if as_json:
        print_json(counts | {"faults": faults})
    else:
        say(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + ".")
        if faults:
            complain(f"{len(faults)} could not be used:")
            print_faults(faults)
    if faults:
        sys.exit(NEGATIVE)


def _read(octets: bytes) -> list[str]:
    """Every observation as a line of JSON. What is in it is for the server to judge."""
    try:
        text = octets.decode()
        if text.lstrip().startswith("["):
            return [json.dumps(one) for one in json.loads(text)]
    except (ValueError, RecursionError) as e:
        detail = f"The file is neither a JSON array nor JSON objects, one a line: {e}."
        raise Failure("observations-syntax", detail, exit_code=USAGE) from None
    return [line for line in text.splitlines() if line.strip()]


def _results(api: Api, lines: list[str]) -> Iterator[dict[str, Any]]:
    part: list[str] = []
    octets = 0
    for line in lines:
        size = len(line.encode()) + 1
        if part and (len(part) == _AT_ONCE or octets + size > _OCTETS):
            yield from api.post_lines("/v1/observations", part)["results"]
            part, octets = [], 0
        part.append(line)
        octets += size
    if part:
        yield from api.post_lines("/v1/observations", part)["results"]
