"""Uplinks: ways to the verifier, chosen by the scheme of the board's url.

An uplink is made with (board, kid), kid being the key identifier (8 octets); it raises ValueError for settings that
cannot work. It has two coroutines: send(kind, message) -> octets of the answer, kind being "challenge" (the message is
the kid), "evidence" or "rotation", raises UplinkError; close() lets go of what is open. One that uses the modem's own
stack also has attach(modem), which is called with each modem.Modem that was opened.
"""

from .. import cbor, claims, codes

TIERS = {0: "none", 2: "affirming", 32: "warning", 96: "contraindicated"}

# The Evidence was refused for its nonce alone: the one in the answer will do.
_NONCE_REFUSED = ("nonce-expired", "nonce-wrong")

_STATUS = 1
_REASONS = 2
_INTERVAL = 4
_NONCE = 10


class UplinkError(Exception):
    """The verifier could not be reached or did not answer. code: why (codes.py). retry_after: seconds that it asked to
    wait, or 0.
    """

    def __init__(self, code, text, retry_after=0):
        super().__init__(text)
        self.code = code
        self.retry_after = retry_after


def parse_url(url, schemes):
    """(whether TLS is used, host, port or None, path without a slash at its end) of scheme://host[:port][/path].

    schemes: the plain one and the one over TLS. Raises ValueError.
    """
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.partition(":")
    if scheme not in schemes or not host or not (port or "0").isdigit():
        raise ValueError("url is to be {}://host[:port]: {}".format(schemes[1], url))
    return scheme == schemes[1], host, int(port) if port else None, ("/" + path).rstrip("/")


def is_native(board):
    """Whether the modem's own stack is to carry the messages."""
    return board.url.startswith("modem+")


def open_uplink(board, kid, modem=None):
    """The uplink for board.url (see README.md). modem: needed where it is the modem's own.

    Raises ValueError when the settings are wrong, or this board does not carry the uplink that they ask for.
    """
    scheme = board.url.partition("://")[0]
    kind = "mqtt" if "mqtt" in scheme else "http"
    if not is_native(board):
        if kind == "mqtt":
            from .mqtt import MqttUplink as Uplink
        else:
            from .http import HttpUplink as Uplink
        return Uplink(board, kid)
    name = modem.name.split("_")[0] + "_" + kind
    try:
        module = __import__(__name__ + "." + name, None, None, ("Uplink",))
    except ImportError:
        raise ValueError("this board has no file uplink/{}.py, which {} takes".format(name, scheme))
    uplink = module.Uplink(board, kid)
    uplink.attach(modem)
    return uplink


class Answer:
    """What the verifier answers (docs/evidence.cddl, result): tier (a value of TIERS), reasons (list of strings), nonce
    (8 octets, for the next Evidence), interval_s (until that is due), again (whether it is due at once), appraised
    (whether the Evidence was taken and not contraindicated; what is refused always is).

    Raises ValueError when octets hold no such thing.
    """

    def __init__(self, octets):
        result = cbor.decode(octets)
        if not isinstance(result, dict):
            result = {}
        status = result.get(_STATUS)
        self.tier = TIERS.get(status) if isinstance(status, int) else None
        self.reasons = result.get(_REASONS)
        self.nonce = result.get(_NONCE)
        self.interval_s = result.get(_INTERVAL)
        if (
            self.tier is None
            or not isinstance(self.reasons, list)
            or not all(isinstance(reason, str) for reason in self.reasons)
            or not isinstance(self.nonce, bytes)
            or len(self.nonce) != claims.NONCE_OCTETS
            or not isinstance(self.interval_s, int)
            or self.interval_s < 0
        ):
            raise ValueError("no result of the profile")
        self.again = self.interval_s == 0 or any(reason in _NONCE_REFUSED for reason in self.reasons)
        self.appraised = self.tier != "contraindicated"


async def ask(uplink, kind, message):
    """The Answer to a message. Raises UplinkError, also when what came is none."""
    return read_answer(await uplink.send(kind, message))


def read_answer(octets):
    """The Answer that octets hold. Raises UplinkError."""
    try:
        return Answer(octets)
    except ValueError as e:
        raise bad_answer(str(e))


def bad_answer(text):
    """The UplinkError for what is no answer. No ValueError: MicroPython raises that for a refused certificate."""
    return UplinkError(codes.BAD_ANSWER, text)
