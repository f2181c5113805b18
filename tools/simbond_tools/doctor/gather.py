"""Asks whatever is on the cable. Thin: what it finds, the rules judge."""

import secrets
import time
from calendar import timegm
from collections.abc import Callable
from typing import Any

from simbond_tools.field import find as ports
from simbond_tools.field.asking import Found, ask_line
from simbond_tools.field.console import Console
from simbond_tools.field.errors import AgentRefused, FieldError, NoAgent, PortBusy
from simbond_tools.field.holders import holder_of
from simbond_tools.field.line import Line, Recorder, open_line
from simbond_tools.field.modem import ModemOnLine
from simbond_verifier.envelope import BadEvidence, open_envelope
from simbond_verifier.evidence import FIELD_NONCE_OCTETS, read_field_claims

from .heard import Heard
from .restart import Restart, restart

Document = dict[str, Any]

_ATTEST_S = 45.0  # an exchange with the verifier may take the agent 30 s
_BEST = ("agent", "micropython", "modem", "busy", "silent")
_FAILED = ("uplink", "modem", "internal")
_MODEM_LEFT_OUT = ("imsi",)  # whose card it is, nobody needs to know for a verdict


def gather(
    port: str | None = None,
    baud: int | None = None,
    *,
    transcript: Recorder | None = None,
    attest: bool = True,
    start: bool = False,
    tell: Callable[[str], None] = lambda _doing: None,
    now: Callable[[], float] = time.time,
) -> Document:
    """What Findings.read takes, but for the part "verifier". Never raises for what is wrong with cable or device.

    attest: have the agent attest now, so that its word is of now. start: restart a board that waits at the prompt.
    tell: called with what is being asked, a name for progress: "ports", "agent", "attest", "modem", "restart".
    """
    heard = Heard(transcript)
    found = None
    try:
        tell("ports")
        found = _find(port, baud, heard)
        cable: Document = {"port": found.url, "speaks": found.kind}
        if found.kind == "busy":
            return {"cable": cable | {"problem": "port-busy", "words": found.why, "program": _program(found.url)}}
        if found.kind == "silent":
            return {"cable": cable | {"words": found.why}}
        with open_line(found.url, found.baud, transcript=heard) as line:
            if found.kind == "modem":
                tell("modem")
                return {"cable": cable, "modem": _modem(line)}
            if found.kind == "agent":
                if asked := _agent(line, attest, tell, now):
                    return {"cable": cable} | asked
                if ask_line(line, (line.baud,)).kind != "micropython":
                    return {"cable": cable, "agent": ending.findings() if (ending := heard.ended()) else {"mute": True}}
            again = Restart(ended=heard.ended())
            if start:
                tell("restart")
                again = restart(line)
                if again.started and (asked := _agent(line, attest, tell, now)):
                    return {"cable": cable | {"speaks": "agent"}} | asked
            board = {"cable": cable | {"speaks": "micropython", "said": again.said}}
            return board | {"agent": again.ended.findings()} if again.ended else board
    except FieldError as e:
        named = port or (found.url if found else "")
        program = {"program": _program(named)} if isinstance(e, PortBusy) else {}
        return {"cable": {"port": named, "problem": e.code, "words": str(e)} | program}


def enrolment(port: str | None, baud: int | None, transcript: Recorder | None = None) -> bytes:
    """The enrolment request of the agent on the cable. Raises FieldError."""
    found = _find(port, baud, transcript)
    with open_line(found.url, found.baud, transcript=transcript) as line:
        return Console(line).enrolment()


def _find(port: str | None, baud: int | None, transcript: Recorder | None) -> Found:
    """The agent's console where there is one; a board whose agent does not run goes before its modem."""
    seen = ports.search(port, baud, wanted=("agent",), transcript=transcript)
    return min(seen, key=lambda found: _BEST.index(found.kind))


def _program(port: str) -> str:
    """Which program has the port, as far as it may be known."""
    return str(holder_of(port) or "") if "://" not in port else ""


def _modem(line: Line) -> Document:
    with ModemOnLine(line) as modem:
        seen = {"model": modem.model} | modem.identity() | modem.cell()
        for name, command in (("pin", "AT+CPIN?"), ("functionality", "AT+CFUN?")):
            final, lines = modem.command(command)
            seen[name] = lines[-1] if lines else final
    return _plain(seen)


def _plain(seen: Document) -> Document:
    return {name: value for name, value in seen.items() if name not in _MODEM_LEFT_OUT}


def _agent(line: Line, attest: bool, tell: Callable[[str], None], now: Callable[[], float]) -> Document | None:
    """The parts "agent" and "modem"; None where nobody answers."""
    console = Console(line)
    tell("agent")
    try:
        status = console.status(tries=2)
    except NoAgent:
        return None
    if attest:
        tell("attest")
        status = _attested(console) or status
    tell("modem")
    agent = _told(status)
    try:
        seen = console.look()
    except AgentRefused:  # an agent of before
        seen = {}
    agent |= {"url": seen.get("url"), "scenario": seen.get("scenario"), "ahead_s": _ahead(seen.get("time"), now())}
    modem = _members(seen, "identity") | _members(seen, "cell")
    modem |= {"pin": seen.get("AT+CPIN?"), "functionality": seen.get("AT+CFUN?"), "error": seen.get("modem_error")}
    # Without a card the agent would wait for one before it signs, and nothing would be learnt.
    if not seen or modem.get("iccid"):
        evidence = _evidence(console)
        agent["flags"] = evidence.get("flags")
        modem |= {} if seen else {name: evidence.get(name) for name in ("imei", "iccid")}
    return {"agent": agent, "modem": _plain(modem)}


def _attested(console: Console) -> Document | None:
    """The status after an attestation that was asked for now; None where it did not end in time."""
    deadline = time.monotonic() + _ATTEST_S
    try:
        console.attest()
        while True:
            event = console.wait_for("attested", "waiting", timeout_s=max(0.0, deadline - time.monotonic()))
            if event["event"] == "attested" or event.get("why") in _FAILED:
                return console.status()
    except (NoAgent, AgentRefused):
        return None


def _told(said: Document) -> Document:
    status = _members(said, "status")
    error, attested = _members(status, "error"), _members(status, "attested")
    return {
        "kid": said.get("kid"),
        "waiting": _members(status, "waiting").get("why"),
        "error": error.get("what"),
        "code": error.get("code"),
        "detail": error.get("detail"),
        "tier": attested.get("tier"),
        "reasons": attested.get("reasons"),
    }


def _evidence(console: Console) -> Document:
    """What the agent signs now, as far as a verdict needs it."""
    try:
        evidence = read_field_claims(open_envelope(console.prove(secrets.token_bytes(FIELD_NONCE_OCTETS))))
    except (AgentRefused, NoAgent, BadEvidence):
        return {}
    return {"imei": evidence.imei, "iccid": evidence.iccid, "flags": evidence.status}


def _ahead(clock: object, now: float) -> float | None:
    """Seconds by which a board's clock, [year, month, day, hour, minute, second] in UTC, is ahead."""
    try:
        return timegm(tuple(clock)) - now  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _members(document: Document, name: str) -> Document:
    value = document.get(name)
    return dict(value) if isinstance(value, dict) else {}
