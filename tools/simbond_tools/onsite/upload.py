"""Hands results in that waited for a network."""

from pathlib import Path
from typing import NamedTuple

from simbond_tools.client import Api, ApiProblem
from simbond_verifier.work_orders.finding import Finding

from . import results
from .results import Refused


class Uploaded(NamedTuple):
    """A result that the verifier has taken, and what it found."""

    number: int
    finding: Finding
    check_ended: bool


class Handed(NamedTuple):
    """What became of everything that waited."""

    uploaded: list[Uploaded]
    refused: list[Refused]


def upload(folder: Path, api: Api) -> Handed:
    """Hands everything in, the oldest first. What the verifier refuses is put aside; what it cannot take now waits on.
    Raises Unreachable, ApiProblem, FolderUnusable; whatever was done by then is done."""
    handed = Handed([], [])
    for path in results.pending(folder):
        number = results.number(path)
        try:
            taken = api.post_again(
                f"/v1/work-orders/{number}/result", {"result": path.read_text("ascii", "replace").strip()}
            )
        except ApiProblem as e:
            if not e.is_about_content and e.code != "work-order-unknown":
                raise
            handed.refused.append(results.refuse(path, e.code, str(e)))
            continue
        handed.uploaded.append(Uploaded(number, Finding(taken["finding"]), bool(taken["check_ended"])))
        results.taken(path)
    return handed
