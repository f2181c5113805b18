"""Targets by URL, so that one configuration value names where suspensions are carried out."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from .gsup import Domain
from .osmo_hlr import CTRL_PORT, GSUP_PORT, VTY_PORT, OsmoHlr
from .target import Target

Factory = Callable[[str], Target]

_EXAMPLE = "osmo-hlr://127.0.0.1?ctrl=4259&gsup=4222&vty=4258&timeout=2&cancel-wait=0.25&grants=ps,cs"


def from_url(url: str, factories: Mapping[str, Factory] | None = None) -> Target:
    """Build the target that `url` names, without connecting to it yet.

    `factories` adds schemes to the built-in `osmo-hlr`, each with a function from the whole URL to a target.
    Raises ValueError, saying what to write instead.
    """
    known: dict[str, Factory] = {"osmo-hlr": osmo_hlr_from_url, **(factories or {})}
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in known:
        raise ValueError(
            f"no enforcement target {url!r}: it must start with one of {', '.join(f'{s}:' for s in known)}"
        )
    return known[scheme](url)


def osmo_hlr_from_url(url: str) -> OsmoHlr:
    """Build an OsmoHlr from `osmo-hlr://HOST` with options in the query (see _EXAMPLE). Raises ValueError."""
    try:
        return _osmo_hlr(url)
    except ValueError as error:
        raise ValueError(
            f"bad target {url!r}: {error}. Write it like {_EXAMPLE}; every option may be left out"
        ) from None


def _osmo_hlr(url: str) -> OsmoHlr:
    parts = urlsplit(url)
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment or "@" in parts.netloc:
        raise ValueError("a host and options are all that it has")
    if parts.port is not None:
        raise ValueError("an HLR has three ports, so each is an option of its own")
    options = _options(parts.query)
    target = OsmoHlr(
        parts.hostname,
        ctrl_port=_port(options.pop("ctrl", CTRL_PORT)),
        gsup_port=_port(options.pop("gsup", GSUP_PORT)),
        vty_port=_port(options.pop("vty", VTY_PORT)),
        timeout=_seconds(options.pop("timeout", 2.0)),
        cancel_wait=_seconds(options.pop("cancel-wait", 0.25)),
        grants=_domains(options.pop("grants", "ps,cs")),
    )
    if options:
        raise ValueError(f"unknown option {next(iter(options))!r}")
    return target


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    options = dict(pairs)
    if len(options) != len(pairs):
        raise ValueError("an option is given twice")
    return options


def _port(value: str | int) -> int:
    port = int(value) if str(value).isascii() and str(value).isdigit() else 0
    if not 0 < port < 65536:
        raise ValueError(f"{value!r} is not a TCP port")
    return port


def _seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.001 <= seconds <= 60:
        raise ValueError(f"{value!r} is not a time in seconds from 0.001 to 60")
    return seconds


def _domains(value: str) -> frozenset[Domain]:
    names = {"ps": Domain.PS, "cs": Domain.CS}
    if not set(value.split(",")) <= names.keys():
        raise ValueError(f"grants={value!r} must be ps, cs or ps,cs")
    return frozenset(names[name] for name in value.split(","))
