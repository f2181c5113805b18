"""`simbond shadow`: what changed rules would have done, before they are switched on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .common import LOCAL, USAGE, Failure, json_option, print_json, print_table, say, when
from .remote import Server, server_options
from .words import language

_HOURS = 24


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("give seconds since 1970 or a time such as 2026-11-01T00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


@click.command()
@click.option(
    "--scenarios",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the scenario files to try: all of them, also those that stay.",
)
@click.option("--policy", type=click.Path(path_type=Path), help="A policy file to try; else the one in force.")
@click.option("--since", callback=_moment, metavar="TIME", help="Only history from then on.")
@click.option("--until", callback=_moment, metavar="TIME", help="Only history before; else now.")
@click.option("--limit", type=click.IntRange(0, 100000), default=1000, show_default=True, help="Cards to name at most.")
@server_options()
@json_option
def shadow(
    scenarios: Path,
    policy: Path | None,
    since: float | None,
    until: float | None,
    limit: int,
    server: Server,
    as_json: bool,
) -> None:
    """Runs stored history by changed rules and says which cards they would have warned, restricted or suspended.

    Nothing is changed. It may take minutes.
    """
    files = sorted(scenarios.glob("*.toml"))
    if not files:
        raise Failure("no-scenario", f"{scenarios} holds no scenario (*.toml).", exit_code=USAGE)
    order = {
        "scenarios": {file.name: _text(file) for file in files},
        "policy": None if policy is None else _text(policy),
        "since": since or 0.0,
        "until": until,
        "limit": limit,
        "lang": language(),
    }
    with server.connect() as api:
        report = api.post("/v1/shadow", order, hours=_HOURS)
    if as_json:
        print_json(report)
        return
    _print(report)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise Failure("file", f"{file} cannot be read: {e}.", exit_code=LOCAL) from None


def _print(report: dict[str, Any]) -> None:
    say(f"History from {when(report['since'])} to {when(report['until'])}:")
    say(f"  {report['evidence']} evidence, {report['observations']} observations, {report['orders']} orders of people")
    if report["evidence_deleted"]:
        say(f"  {report['evidence_deleted']} more evidence was deleted (retention): what it would do is not known")
    if report["evidence_lost"]:
        say(f"  {report['evidence_lost']} evidence is of before a restore, and counts no more")
    say("Cards, by the gravest that is done to them (present rules, changed rules):")
    for step in ("warned", "rechecked", "restricted", "suspended", "withheld"):
        say(f"  {step:<10} {report['present'][step]:>8} {report['changed'][step]:>8}")
    for name in ("present", "changed"):
        stopped = report[name]["rules_stopped"]
        if stopped:
            say(f"The {name} rules would have been stopped for doing too much: {', '.join(stopped)}.")
    say(f"{report['graver']} cards fare worse, {report['milder']} better.")
    if report["cards"]:
        print_table(("ICCID", "present", "changed", "when", "why"), map(_row, report["cards"]))
    if report["more"]:
        say(f"... and {report['more']} more; --limit names them.")


def _row(card: dict[str, Any]) -> tuple[object, ...]:
    present, changed = card["present"], card["changed"]
    told = changed or present
    return card["iccid"], _step(present), _step(changed), when(told["at"]), f"{told['words']} ({told['reasons'][0]})"


def _step(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return "-"
    return f"{outcome['step']} (withheld)" if outcome["withheld"] else str(outcome["step"])
