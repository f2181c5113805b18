"""A command line (ITU-T V.250 clause 5.2) taken apart into its commands."""

import re
from dataclasses import dataclass

# Basic commands are a letter, or & and a letter, with an optional number, or an S register; everything else starts with
# a sign and runs to the next semicolon outside quotes.
_BASIC = re.compile(r"(S\d+)(=\d*|\?)|(&?[A-Z])(\d*)", re.IGNORECASE)
_EXTENDED = re.compile(r"([^A-Z0-9\s;\"&?=][A-Z0-9_!%.:/-]*)((?:\"[^\"]*\"?|[^;\"])*)", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """One command: `name` in capitals ("+CREG", "E", "&F"), `suffix` as sent ("", "?", "=?", "=2", "1" after E)."""

    name: str
    suffix: str = ""

    @property
    def key(self) -> str:
        """What the command is looked up by: capitals, and no spaces outside quotes."""
        parts = re.split(r'("[^"]*"?)', self.name + self.suffix)
        return "".join(p if p.startswith('"') else p.replace(" ", "") for p in parts).upper()

    @property
    def is_read(self) -> bool:
        return self.suffix == "?"

    @property
    def is_test(self) -> bool:
        return self.suffix == "=?"

    @property
    def arguments(self) -> list[str] | None:
        """What stands behind "=", split at commas, quotes taken off; None where nothing is set."""
        if self.is_test or not self.suffix.startswith("="):
            return None
        parts = re.findall(r'(?:"[^"]*"?|[^,"])+|(?<=,)(?=,|$)', self.suffix[1:])
        return [p.strip().strip('"') for p in parts]


def split(line: str) -> list[Command] | None:
    """The commands of `line`; None if it is no command line (no AT) and the module stays silent.

    What stands in front of AT is noise and is dropped, as modules drop it. A tail that is no command becomes a Command
    with that text as its name, which no profile knows.
    """
    start = line.upper().find("AT")
    if start < 0:
        return None
    rest = line[start + 2 :].strip()
    commands: list[Command] = []
    while rest:
        if match := _BASIC.match(rest):
            commands.append(Command((match[1] or match[3]).upper(), match[2] or match[4] or ""))
        elif match := _EXTENDED.match(rest):
            commands.append(Command(match[1].upper(), match[2].strip()))
        else:
            return [*commands, Command(rest.upper())]
        rest = rest[match.end() :].lstrip(" ;")
    return commands
