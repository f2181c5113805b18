"""`simbond check --verify`: a result that somebody shows."""

from pathlib import Path
from typing import Any

from simbond_tools.i18n import _
from simbond_tools.onsite import pins
from simbond_verifier.work_orders.finding import Finding, Judgement, judge
from simbond_verifier.work_orders.proof import PREFIX, Proof, from_text, to_text
from simbond_verifier.work_orders.ticket import NotGenuine

from .common import LOCAL, NEGATIVE, Failure, print_json, when
from .onsite_screen import print_finding, print_judged, print_sentence
from .remote import Server


def verify_offline(folder: Path, shown: str, as_json: bool) -> int:
    """By the verifier's keys that are pinned in the folder. The exit code. Raises OnSiteError."""
    judged = judge(_read(shown), [key.point for key in pins.read(folder)], {}, None)
    confirmed = judged.finding is Finding.CONFIRMED
    if as_json:
        print_json(judged_document(judged))
    else:
        print_judged(judged)
        print_finding(judged.finding)
        if confirmed:
            print_sentence(_("Whether it was signed before the order expired, the verifier knows: --online."))
    return 0 if confirmed else NEGATIVE


def verify_online(shown: str, server: Server, as_json: bool) -> int:
    """By asking the verifier. The exit code."""
    with server.connect() as api:
        asked = api.post("/v1/work-orders/assess", {"result": to_text(_read(shown))})
        finding = Finding(asked["finding"])
        confirmed = finding is Finding.CONFIRMED
        if as_json:
            print_json({"finding": finding, "confirmed": confirmed, "verifier": asked})
        else:
            print_finding(finding)
            by = when(asked["signed_before"])
            print_sentence(_("So says the verifier; the device had signed by {when}.").format(when=by))
    return 0 if confirmed else NEGATIVE


def judged_document(judged: Judgement) -> dict[str, Any]:
    """A finding for --json. The subscriber's number is left out."""
    ticket, evidence = judged.ticket, judged.evidence
    ordered = ticket and {
        "number": ticket.order,
        "iccid": ticket.iccid,
        "imei": ticket.imei,
        "issued": ticket.issued,
        "expires": ticket.expires,
    }
    found = evidence and {
        "iccid": evidence.iccid,
        "imei": evidence.imei,
        "bootcount": evidence.bootcount,
        "uptime_s": evidence.uptime,
    }
    return {
        "finding": judged.finding,
        "confirmed": judged.finding is Finding.CONFIRMED,
        "reason": judged.reason,
        "device": judged.kid and judged.kid.hex(),
        "ordered": ordered,
        "found": found,
    }


def _read(shown: str) -> Proof:
    """What the QR code says, or a file with it."""
    try:
        return from_text(shown if shown.lstrip().startswith(PREFIX) else Path(shown).read_text("ascii"))
    except OSError as e:
        text = _("Cannot read {path}: {why}.").format(path=shown, why=e.strerror or e)
        raise Failure("file", text, exit_code=LOCAL) from None
    except (NotGenuine, UnicodeDecodeError):
        detail = _("This is no result of a check, or one that is damaged or cut off.")
        raise Failure("result-malformed", detail, exit_code=LOCAL) from None
