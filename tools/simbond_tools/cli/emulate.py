"""`simbond emulate`: emulated modems on pseudo-terminals, until it is stopped."""

import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import click

from simbond_tools.emulator import Bench, Cell, EmulatorError, Modem, ReplayedModem, load_profile, profile_names
from simbond_tools.emulator.control import assignments, card_from, describe
from simbond_tools.emulator.errors import NoPseudoTerminals
from simbond_tools.emulator.server import ControlServer, listen

from .common import LOCAL, USAGE, Failure, json_option, print_json

_CARD = ("iccid", "imsi", "pin")
_OWN = ("imei", "link")


@click.command()
@click.option("--profile", metavar="NAME|FILE", help="A built-in profile (see --list-profiles) or a profile file.")
@click.option("--imei", help="15 digits, or 14 to have the check digit added.")
@click.option("--iccid", help="ICCID of the card in the tray; needs --imsi.")
@click.option("--imsi", help="IMSI of the card in the tray; needs --iccid.")
@click.option("--pin", help="PIN that the card asks for.")
@click.option("--link", help="Symbolic link to make to the port.")
@click.option(
    "--modem",
    "modems",
    multiple=True,
    metavar="NAME=PROFILE[,KEY=VALUE...]",
    envvar="SIMBOND_EMULATE_MODEM",
    help="A modem; repeatable. Keys: imei, iccid, imsi, pin, link, and those of a cell (rat, plmn, tac, cell_id, ...).",
)
@click.option("--control", type=click.Path(path_type=Path), help="Unix socket to take commands from.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A transcript of 'simbond probe' to play, in the place of a profile.",
)
@click.option("--timed", is_flag=True, help="Replay with the pauses of then.")
@click.option("--list-profiles", is_flag=True, help="Print the built-in profiles and exit.")
@json_option
def emulate(
    profile: str | None,
    modems: tuple[str, ...],
    control: Path | None,
    replay: Path | None,
    timed: bool,
    list_profiles: bool,
    as_json: bool,
    **single: str | None,
) -> None:
    """Emulate cellular modems on pseudo-terminals.

    One modem by --profile, several by --modem, or one of the field by --replay. Runs until SIGTERM (exit 0) or Ctrl-C
    (exit 130). Commands (insert, remove, swap, move, fault, ...; try "help") come over the control socket, and from the
    terminal if there is one; a replay takes none.
    """
    if list_profiles:
        _print_profiles(as_json)
        return
    given = {key: value for key, value in single.items() if value}
    try:
        if replay or timed:
            played = _replayed(replay, timed, given.pop("link", None), profile or modems or control or given)
            stopped_by = _play(played, str(replay), as_json)
        else:
            stopped_by = _emulate(_build(profile, given, modems), control, as_json)
    except NoPseudoTerminals as problem:
        raise Failure("not-here", f"{problem}.", exit_code=LOCAL) from None
    except EmulatorError as problem:
        raise Failure("bad-input", str(problem), exit_code=USAGE) from None
    if stopped_by == signal.SIGINT:
        sys.exit(130)


def _replayed(replay: Path | None, timed: bool, link: str | None, more: object) -> ReplayedModem:
    if replay is None or more:
        raise EmulatorError("--replay goes with --timed and --link only: the transcript says the rest")
    return ReplayedModem(replay, timed=timed, link=link)


def _emulate(bench: Bench, control: Path | None, as_json: bool) -> int:
    """Returns the number of the signal that ended it."""
    with ExitStack() as stack:
        stopped = stack.enter_context(_stop_signals())
        listener = stack.enter_context(_control_socket(control)) if control else None
        for modem in bench.modems.values():
            stack.enter_context(modem)
        _print_bench(bench, control, as_json)
        ControlServer(bench).run(listener, sys.stdin if sys.stdin and sys.stdin.isatty() else None, stopped)
        return os.read(stopped, 1)[0]


def _play(modem: ReplayedModem, source: str, as_json: bool) -> int:
    """Returns the number of the signal that ended it."""
    with _stop_signals() as stopped, modem:
        if as_json:
            print_json({"modems": {"modem": {"port": modem.port, "replay": source}}, "control": None})
        else:
            click.echo(f"modem: {source} on {modem.port}")
        sys.stdout.flush()
        select.select([stopped], [], [])
        return os.read(stopped, 1)[0]


def _build(profile: str | None, single: dict[str, str], specs: tuple[str, ...]) -> Bench:
    if specs and (profile or single):
        raise EmulatorError("give either --modem, once for each, or --profile with --imei, --iccid, ... for one modem")
    if specs:
        named: dict[str, Modem] = {}
        for spec in specs:
            name, values = _parse(spec)
            if name in named:
                raise EmulatorError(f"there are two modems {name!r}; give each its own name")
            named[name] = _modem(values.pop("profile"), values)
        return Bench(named)
    if not profile:
        raise EmulatorError("say what to emulate: --profile NAME, or --modem NAME=PROFILE,... (see --list-profiles)")
    return Bench({"modem": _modem(profile, single)})


def _parse(spec: str) -> tuple[str, dict[str, str]]:
    """ "A=quectel-bg95,imei=..." as a name and values, the profile among them."""
    name, equals, rest = spec.partition("=")
    profile, *words = rest.split(",")
    if not name or not equals or not profile:
        raise EmulatorError(f"--modem {spec!r}: NAME=PROFILE[,KEY=VALUE...] is needed")
    return name, {"profile": profile} | assignments(words)


def _modem(source: str, values: dict[str, str]) -> Modem:
    profile = load_profile(source)
    card = {key: value for key, value in values.items() if key in _CARD}
    own = {key: value for key, value in values.items() if key in _OWN}
    place = {key: value for key, value in values.items() if key not in (*_CARD, *_OWN)}
    return Modem(
        profile,
        card=card_from(card) if card else None,
        cell=Cell(rat=profile.rats[0]).changed(place),
        imei=own.get("imei"),
        link=own.get("link"),
    )


@contextmanager
def _control_socket(path: Path) -> Iterator[socket.socket]:
    with closing(listen(path)) as listener:
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _print_profiles(as_json: bool) -> None:
    profiles = [load_profile(name) for name in profile_names()]
    if as_json:
        print_json({"profiles": [{"name": p.name, "title": p.title, "rats": p.rats} for p in profiles]})
        return
    for p in profiles:
        click.echo(f"{p.name:16} {p.title}")


def _print_bench(bench: Bench, control: Path | None, as_json: bool) -> None:
    """Standard output is flushed: whoever started us waits for this line."""
    if as_json:
        modems = {name: describe(modem) for name, modem in bench.modems.items()}
        print_json({"modems": modems, "control": str(control) if control else None})
    else:
        for name, modem in bench.modems.items():
            link = f" ({modem.link})" if modem.link else ""
            click.echo(f"{name}: {modem.profile.title} on {modem.port}{link}")
        if control:
            click.echo(f"control: {control}")
    sys.stdout.flush()


@contextmanager
def _stop_signals() -> Iterator[int]:
    """A descriptor from which the number of a SIGINT or SIGTERM is read, instead of what they did before."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    old_wakeup = signal.set_wakeup_fd(write_fd)
    old = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield read_fd
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_wakeup)
        os.close(read_fd)
        os.close(write_fd)
