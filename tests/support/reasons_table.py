"""Writes docs/reasons.md from simbond_verifier.words: `python -P tests/support/reasons_table.py` after a change
there."""

from collections.abc import Iterable
from pathlib import Path

from simbond_verifier.reasons import Reason
from simbond_verifier.words import Language, explain

FILE = Path(__file__).parents[2] / "docs" / "reasons.md"
_LAST_REFUSAL = Reason.COUNTER_BACK

_DOCUMENT = """\
# Reason codes

Every answer to a device, every line of a card's history and the command line explain a verdict by these codes. They are
stable: a code may come anew, none changes its meaning.

## The Evidence is refused

The verdict is `contraindicated` and nobody's state changes: a message that proves nothing must not move a card.

{refused}

## The Evidence is appraised

The Evidence counts. What a code leads to is the business of the card's [scenario](scenarios.md) and of
[who said it](adr/accusation.md).

{appraised}
"""


def document() -> str:
    """docs/reasons.md as it has to be."""
    codes = list(Reason)
    appraised = codes.index(_LAST_REFUSAL) + 1
    return _DOCUMENT.format(refused=_table(codes[:appraised]), appraised=_table(codes[appraised:]))


def _table(codes: Iterable[Reason]) -> str:
    rows = (f"| `{code}` | {explain(code)} | {explain(code, Language.ZH)} |" for code in codes)
    return "\n".join(["| code | meaning | 含义 |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
