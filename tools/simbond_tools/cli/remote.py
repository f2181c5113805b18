"""How the operators' commands reach the verifier: --url, --token, --ca, and what becomes of its refusals."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import click
import httpx

from simbond_agent import claims, identity
from simbond_tools.client import Api, ApiProblem, BadSetting, Unreachable, is_loopback
from simbond_tools.i18n import N_, _

from .common import LOCAL, NOT_ALLOWED, NOT_FOUND, REFUSED, UNREACHABLE, USAGE, Failure, read_input

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL = "http://127.0.0.1:8443"
_REFUSED_TOKEN = N_(
    "The verifier does not take this token: it is mistyped, has ended, or was revoked. Who runs the verifier makes "
    "another: 'simbond token create'."
)


class Server(NamedTuple):
    """Which verifier to ask, and as whom. No token: none is to be asked."""

    url: str
    token: str | None
    ca: str | None
    plain_http: bool

    @contextmanager
    def connect(self, connect_s: float = 60) -> Iterator[Api]:
        """A client whose errors leave as Failure, with the exit code that is theirs."""
        if self.url.startswith("http:") and not (self.plain_http or is_loopback(self.url)):
            told = _("{url} would send the token in the clear. Use https, or --plain-http where the way is safe.")
            raise Failure("plain-http", told.format(url=self.url), exit_code=USAGE)
        try:
            with Api(self.url, self.token or "", self.ca, connect_s) as api:
                yield api
        except BadSetting as e:
            raise Failure("setting", str(e), exit_code=LOCAL) from None
        except Unreachable as e:
            raise Failure("unreachable", str(e), exit_code=UNREACHABLE) from None
        except ApiProblem as e:
            detail = _(_REFUSED_TOKEN) if e.status == 401 else str(e)
            failure = Failure(e.code, detail, exit_code=_exit_code(e.status))
            failure.more = e.more
            raise failure from None


def _exit_code(status: int) -> int:
    if status in (401, 403):
        return NOT_ALLOWED
    if status == 404:
        return NOT_FOUND
    return UNREACHABLE if status >= 500 else REFUSED


def server_options(*, token_required: bool = True) -> Callable[[F], F]:
    """Adds the options that name a verifier; the command gets them as `server`, a Server."""

    def add(command: F) -> F:
        @click.option(
            "--url",
            envvar="SIMBOND_URL",
            default=DEFAULT_URL,
            show_default=True,
            callback=_url,
            help=N_("Where the verifier is. [env: SIMBOND_URL]"),
        )
        @click.option(
            "--token",
            envvar="SIMBOND_TOKEN",
            metavar="TOKEN|@FILE",
            callback=_token_required if token_required else _token,
            help=N_("Who asks; see 'simbond token'. [env: SIMBOND_TOKEN]"),
        )
        @click.option(
            "--ca",
            envvar="SIMBOND_CA",
            metavar="FILE",
            help=N_("Certificate authority of its own, PEM. [env: SIMBOND_CA]"),
        )
        @click.option(
            "--plain-http",
            is_flag=True,
            envvar="SIMBOND_PLAIN_HTTP",
            help=N_("Send the token without TLS beyond this machine. [env: SIMBOND_PLAIN_HTTP]"),
        )
        @wraps(command)
        def with_server(
            *arguments: Any, url: str, token: str | None, ca: str | None, plain_http: bool, **more: Any
        ) -> Any:
            return command(*arguments, server=Server(url, token, ca, plain_http), **more)

        return with_server  # type: ignore[return-value]

    return add


def _url(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL as e:
        raise click.BadParameter(f"{value}: {e}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise click.BadParameter(_("'{value}' is no URL such as https://verifier.example:8443").format(value=value))
    return value


def _token(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.startswith("@"):
        return read_input(value[1:]).decode("ascii", "replace").strip()
    return value


def _token_required(context: click.Context, option: click.Parameter, value: str | None) -> str:
    token = _token(context, option, value)
    if not token:
        raise click.UsageError(
            _("Give --token or SIMBOND_TOKEN. Who runs the verifier makes one: 'simbond token create'.")
        )
    return token


def _iccid(_context: click.Context, _argument: click.Parameter, value: str) -> str:
    normal = identity.iccid(value)
    if normal is None:
        raise click.BadParameter(f"'{value}' is no ICCID: 19 or 20 digits beginning with 89")
    return str(normal)


def kid(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Callback of parameters that take a device's key id."""
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        octets = b""
    if len(octets) != claims.KID_OCTETS:
        raise click.BadParameter(f"'{value}' is no key id: {2 * claims.KID_OCTETS} hex digits")
    return octets.hex()


iccid_argument = click.argument("iccid", callback=_iccid)
kid_argument = click.argument("kid", callback=kid)
reason_option = click.option("--reason", required=True, help="Why, in your words; kept in the card's history.")
