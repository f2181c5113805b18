"""Takes identities, keys and messages out of what went over a line, octet for octet, so that a replay still parses.

Works on all that one side sent, put together, whatever the pieces in which it was read. A second pass clears what is
left of identities that were torn apart by a line in between.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from .pseudonyms import Pseudonyms

Chunk = tuple[str, bytes]
"""A side, and what it sent in one go."""

_LINE = re.compile(r"[^\r\n]+")
_COMMAND = re.compile(r"\s*AT\s*[+^#%!$*&]?([A-Z0-9]+)", re.IGNORECASE)
_PREFIX = re.compile(r"\s*[+^#%!$*]([A-Z0-9]+):", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"?')
_FINAL = re.compile(r"\s*(?:OK|ERROR|\+CM[ES] ERROR:.*)\s*")

# Long hexadecimal; long decimal; decimal in groups, as it is printed; the end that a log leaves of an identity; short.
_TOKEN = re.compile(
    r"(?P<hex>[0-9A-F]{16,})"
    r"|(?P<number>[0-9]{10,})"
    r"|(?P<groups>[0-9][0-9A-F]{3,5}(?:[ -][0-9A-F]{2,6}){3,}|[0-9]{2,6}(?:[ -][0-9]{2,6}){2,})"
    r"|(?P<masked>(?<=\*{4})[0-9A-F]{1,6})"
    r"|(?P<short>[0-9A-F]{5,})",
    re.IGNORECASE,
)
_GROUPED_MIN = 10
_NAMED_WITHIN = 256
"""Characters of a line that has no end yet: its name is in front, and what has no end is not read again and again."""
_RUN = re.compile(r"[0-9A-F]{5,}", re.IGNORECASE)
_GRAM = 5

# Of replies and commands by these names nothing in quotes stays: numbers of people, and what they wrote.
_PRIVATE = {
    *("CNUM", "CLIP", "CLCC", "COLP", "CMT", "CMGR", "CMGL", "CMGS", "CDS", "CSCA", "CPBR", "CPBF", "CPBW", "CUSD"),
    *("CSIM", "CGLA"),  # what card and host say to each other
}
# A message, in text or as PDU, is on the lines behind these.
_MESSAGE = {"CMT", "CMGR", "CMGL", "CDS"}
# The arguments of these are, or may hold, a PIN, a password or a key.
_SECRET = {
    *("CPIN", "CPWD", "CLCK", "CGAUTH", "CSIM", "CGLA"),
    *("QICSGP", "QMTCONN", "CMQTTCONNECT", "SMCONF", "UMQTT", "UPSD"),
}
# These are answered by an identity: what is not recognised as one is still part of one.
_IDENTITY = re.compile(r"CCID|CIMI|GSN|EGMR|SIMEI|EID|ESIM|CRSM|CNUM")

# Reporting bodies that allocate IMEIs (TS 23.003 clause 6.2.1), 00 of test equipment; the MCC 001 is a test network's.
_IMEI_STARTS = ("00", "01", "35", "86", "91", "98", "99")
_TEST_MCC = "001"


def redacted(chunks: Sequence[Chunk]) -> list[bytes]:
    """The data of each chunk without what is personal, as long as before."""
    names = Pseudonyms()
    sides = {side: _Side(chunks, side) for side in {side for side, _data in chunks}}
    for text in sides.values():
        text.replace_identities(names)
    for text in sides.values():
        text.clear_fragments(names)
    return [sides[side].next_piece(len(data)) for side, data in chunks]


class _Side:
    """All that one side sent. Text is Latin-1: a character an octet."""

    def __init__(self, chunks: Sequence[Chunk], side: str) -> None:
        self._source = "".join(data.decode("latin-1") for s, data in chunks if s == side)
        self._text = self._source
        self._offsets, self._commands = _running(chunks, side)
        self._at = 0

    def next_piece(self, length: int) -> bytes:
        piece = self._text[self._at : self._at + length]
        self._at += length
        return piece.encode("latin-1")

    def replace_identities(self, names: Pseudonyms) -> None:
        in_message = False

        def replaced(found: re.Match[str]) -> str:
            nonlocal in_message
            line = found[0]
            if in_message and not _FINAL.fullmatch(line) and not _PREFIX.match(line):
                return _hidden(line)
            in_message = _name(_PREFIX, line) in _MESSAGE
            return _line(line, self._running_at(found.start()), names)

        self._text = _LINE.sub(replaced, self._source)

    def clear_fragments(self, names: Pseudonyms) -> None:
        """Zeroes what still stands there as it was sent and has so many digits in a row of an identity."""
        grams = {text[i : i + _GRAM] for text in names.personal for i in range(len(text) - _GRAM + 1)}

        def cleared(found: re.Match[str]) -> str:
            was = self._source[found.start() : found.end()]
            left = was == found[0] and any(was[i : i + _GRAM].upper() in grams for i in range(len(was) - _GRAM + 1))
            return "0" * len(was) if left else found[0]

        self._text = _RUN.sub(cleared, self._text)

    def _running_at(self, offset: int) -> str:
        """The name of the command that was running when the octet at offset came."""
        i = bisect_right(self._offsets, offset) - 1
        return self._commands[i] if i >= 0 else ""


def _running(chunks: Sequence[Chunk], side: str) -> tuple[list[int], list[str]]:
    """For each chunk of side: its offset among all that side sent, and the name of the last command of another side."""
    offsets, commands = [], []
    offset, command, typed = 0, "", ""
    for sender, data in chunks:
        if sender == side:
            offsets.append(offset)
            commands.append(command)
            offset += len(data)
            continue
        *lines, typed = re.split(r"[\r\n]+", typed + data.decode("latin-1"))
        typed = typed[:_NAMED_WITHIN]
        command = next((name for line in reversed(lines) if (name := _name(_COMMAND, line))), command)
    return offsets, commands


def _name(pattern: re.Pattern[str], line: str) -> str:
    found = pattern.match(line)
    return found[1].upper() if found else ""


def _line(line: str, running: str, names: Pseudonyms) -> str:
    """One line: a command or its echo, or a line of the reply to the command that is running."""
    command = _name(_COMMAND, line)
    name = command or _name(_PREFIX, line)
    head, equals, arguments = line.partition("=" if command else ":")
    if command in _SECRET and equals:
        return head + equals + _hidden(arguments)
    if name in _PRIVATE:
        line = head + equals + _QUOTED.sub(lambda quoted: _hidden(quoted[0]), arguments)
    if command:
        running = ""
    about_identity = not command and bool(_IDENTITY.search(name or running))
    return _TOKEN.sub(lambda token: _token(token, running, about_identity, names), line)


def _token(token: re.Match[str], running: str, about_identity: bool, names: Pseudonyms) -> str:
    text = token[0]
    if token["masked"]:
        return "0" * len(text)
    if token["short"]:
        return "0" * len(text) if about_identity and text.isdecimal() else text
    bare = text.replace(" ", "").replace("-", "").upper()
    if len(bare) < _GROUPED_MIN:
        return text
    new = iter(_identity(bare, running, names))
    return "".join(c if c in " -" else next(new) for c in text)


def _identity(bare: str, running: str, names: Pseudonyms) -> str:
    """The pseudonym of a long number, of the same length, whatever it is."""
    filled = bare.rstrip("F")
    if filled[:2] == "89" and len(filled) in (19, 20):
        return names.iccid(filled) + "F" * (len(bare) - len(filled))
    if bare[:2] == "98" and len(bare) == 20:  # as EF_ICCID holds it
        filled = _swapped(bare).rstrip("F")
        return _swapped(names.iccid(filled).ljust(20, "F"))
    if bare[:2] == "08" and len(bare) == 18 and _swapped(bare[2:]).isdecimal():  # EF_IMSI: length, 9 for odd, digits
        return "08" + _swapped(_swapped(bare[2:])[0] + names.imsi(_swapped(bare[2:])[1:]))
    if not bare.isdecimal():
        return names.other(bare)
    if len(bare) == 32 and bare[:2] == "89":
        return names.eid(bare)
    if len(bare) == 15 and not _is_imei(bare, running):
        return names.imsi(bare)
    if len(bare) in (14, 15, 16) and _is_imei(bare, running):
        return names.imei(bare)
    return names.other(bare)


def _is_imei(digits: str, running: str) -> bool:
    if "IMI" in running:
        return False
    return "GSN" in running or (digits.startswith(_IMEI_STARTS) and not digits.startswith(_TEST_MCC))


def _swapped(text: str) -> str:
    """Each pair of digits the other way round, as cards hold them (TS 31.102 clause 4.2.2)."""
    return "".join(text[i + 1] + text[i] for i in range(0, len(text), 2))


def _hidden(text: str) -> str:
    """Digits as 0, other letters as x; blanks and punctuation stay."""
    return "".join("0" if c.isdecimal() else "x" if c.isalpha() or ord(c) > 126 else c for c in text)
