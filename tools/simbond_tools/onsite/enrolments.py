"""Enrolment requests of new devices, taken on site, which wait for a network."""

import re
from pathlib import Path

from simbond_tools.client import Api, ApiProblem
from simbond_tools.i18n import _
from simbond_verifier.enrolment import read_enrolment
from simbond_verifier.envelope import BadEvidence

from . import durable
from .errors import OnSiteError

_PENDING = "enrolments"
_NAME = re.compile(r"[0-9a-f]{16}\.hex").fullmatch


class NoEnrolment(OnSiteError):
    """What the device gave is no enrolment request."""

    code = "enrolment-bad"


def keep(folder: Path, request: bytes) -> str:
    """Keeps a device's request until it is sent; the same again is the same file. Returns the device's key id in hex.
    Raises NoEnrolment, FolderUnusable."""
    try:
        kid = read_enrolment(request).kid.hex()
    except BadEvidence:
        raise NoEnrolment(_("The device's enrolment request is damaged; try again.")) from None
    durable.write(folder / _PENDING / f"{kid}.hex", request.hex().encode() + b"\n")
    return kid


def pending(folder: Path) -> list[Path]:
    """Those that wait."""
    return sorted(path for path in (folder / _PENDING).glob("*.hex") if _NAME(path.name))


def send(folder: Path, api: Api) -> tuple[list[str], list[tuple[str, str]]]:
    """Hands in what waits. Returns the key ids that are enrolled now, and those that the verifier refuses, with its
    words; these wait on. Raises Unreachable, FolderUnusable; ApiProblem where it is about no device."""
    enrolled, refused = [], []
    for path in pending(folder):
        try:
            api.post_again("/v1/devices", {"request": path.read_text("ascii", "replace").strip()})
        except ApiProblem as e:
            if not e.is_about_content:
                raise
            refused.append((path.stem, str(e)))
            continue
        durable.remove(path)
        enrolled.append(path.stem)
    return enrolled, refused
