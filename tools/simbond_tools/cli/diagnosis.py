"""A diagnosis as people read it: the verdict, the next step, what else holds, and what was found."""

from collections.abc import Iterator
from typing import NamedTuple

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from simbond_tools.check_digit import whole_imei
from simbond_tools.doctor import Diagnosis, Findings, Judged, Severity
from simbond_tools.doctor.findings import Modem, Register, text
from simbond_tools.field.words import KIND, REGISTRATION, SIM, TIER, word
from simbond_tools.i18n import _
from simbond_verifier import happened

from .common import clean, when
from .words import language, reason

_COLOURS = {Severity.STOP: "bold red", Severity.WARNING: "bold yellow", Severity.WELL: "bold green"}


class _Line(NamedTuple):
    """mark: what stands before the text, which hangs from there."""

    text: str
    indent: int = 0
    style: str = ""
    mark: str = ""


def print_diagnosis(diagnosis: Diagnosis, findings: Findings) -> None:
    """On a terminal wrapped and in colours; elsewhere a line for each sentence."""
    console = Console()
    for line in _lines(diagnosis, findings):
        margin = " " * line.indent + line.mark
        if not console.is_terminal:
            click.echo(margin + line.text)
            continue
        grid = Table.grid(padding=0)
        # A column of nothing would be one blank wide.
        grid.add_row(*filter(None, (margin,)), Text(line.text, line.style, overflow="fold"))
        console.print(grid)


def _lines(diagnosis: Diagnosis, findings: Findings) -> Iterator[_Line]:
    verdict = diagnosis.verdict
    yield _Line(clean(diagnosis.judged.words), style=_COLOURS.get(verdict.severity, ""))
    yield from _below(diagnosis.judged, 2)
    yield _Line("")
    yield _Line(_("Next:"), style="bold")
    yield _Line(clean(diagnosis.judged.step), 2)
    if diagnosis.also:
        yield _Line("")
        yield _Line(_("Also, perhaps because of it:"), style="bold")
        for one in diagnosis.also:
            yield _Line(f"{clean(one.words)} ({one.verdict.code})", 2, mark="- ")
            yield from _below(one, 4)
    if table := list(_table(findings)):
        yield _Line("")
        yield _Line(_("Found:"), style="bold")
        yield from table
    yield _Line("")
    yield _Line(
        _("Verdict {code}, exit status {status}.").format(code=verdict.code, status=verdict.status), style="dim"
    )


def _below(judged: Judged, indent: int) -> Iterator[_Line]:
    """What stands behind a verdict: reasons of the verifier, and what was said."""
    for code in judged.reasons:
        yield _Line(clean(reason(code, language())), indent)
    if judged.detail:
        yield _Line(clean(" ".join(judged.detail.split())), indent)


def _table(findings: Findings) -> Iterator[_Line]:
    rows = [(name, clean(value)) for name, value in _rows(findings) if value]
    width = max((cell_len(name) for name, _value in rows), default=0)
    for name, value in rows:
        yield _Line(value, 2, mark=name + " " * (width - cell_len(name) + 2))


def _rows(findings: Findings) -> Iterator[tuple[str, str]]:
    cable, modem, agent, verifier = findings.cable, findings.modem, findings.agent, findings.verifier
    yield _("port"), _joined(cable.port, _word(KIND, cable.speaks))
    if modem:
        yield _("module"), _joined(modem.model, modem.imei and f"IMEI {modem.imei}")
        yield _("card"), modem.iccid or _word(SIM, modem.sim)
        yield _("network"), _network(modem)
    if agent:
        yield _("agent"), _joined(agent.kid and _("key {kid}").format(kid=agent.kid), _word(TIER, agent.tier))
        yield _("server"), agent.url
    if verifier:
        yield _("verifier"), verifier.url
        made = when(verifier.orders_of)
        yield _("work orders"), made and _("fetched {when}").format(when=made)
        yield _("this card"), _card(verifier)
        yield _("this device"), _device(verifier)


def _network(modem: Modem) -> str:
    level = modem.rsrp_dbm if modem.rsrp_dbm is not None else modem.rssi_dbm
    signal = "" if level is None else f"{level} dBm"
    return _joined(_word(REGISTRATION, modem.reg), modem.operator or modem.plmn, modem.rat, signal)


def _card(verifier: Register) -> str:
    if verifier.card_problem:
        return _("unknown to it")
    owner = text(verifier.card, "device", "imei")
    place = _("belongs in the device with IMEI {imei}").format(imei=whole_imei(owner)) if owner else ""
    return _joined(happened.state(text(verifier.card, "state"), language()), place)


def _device(verifier: Register) -> str:
    if verifier.device_problem:
        return _("unknown to it")
    card = text(verifier.device, "card")
    return _("its card is {iccid}").format(iccid=card) if card else ""


def _word(words: dict[str, str], code: str) -> str:
    return word(words, code) or code


def _joined(*parts: str) -> str:
    return _(", ").join(part for part in parts if part)
