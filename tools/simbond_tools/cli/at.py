"""`simbond at`: what a modem's reply means to the agent."""

import click

from ..at import DIALECTS, explain
from .common import USAGE, Failure, complain, json_option, print_json, read_input


@click.group("at")
def at() -> None:
    """Reads replies of modems."""


def _command(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value.strip() and value.strip()[:2].upper() != "AT":
        raise click.BadParameter("a command begins with AT, as AT+CPIN? does; for an unsolicited line give ''")
    return value


@at.command("explain")
@click.argument("source", metavar="[FILE|-]", default="-")
@click.option("--command", required=True, callback=_command, help="What was sent, such as 'AT+CPIN?'; '' for a URC.")
@click.option("--family", help=f"Whose modem: {', '.join(DIALECTS).replace('_', '-')}. Else it is worked out.")
@json_option
def explain_reply(source: str, command: str, family: str | None, as_json: bool) -> None:
    """Says what a modem's reply means, as the agent understands it, in JSON; '{}': nothing in it is certain.

    The reply is pasted or piped as received, with or without echo and final result.
    """
    reply = read_input(source)
    if not reply.strip():
        raise Failure("input", "There is no reply: paste one on standard input, or name a file.", exit_code=USAGE)
    if family and family.lower().replace("-", "_") not in DIALECTS and not as_json:
        complain(f"No family is called {family}; it is worked out from the reply.")
    print_json(explain(command, reply, family))
