"""Words for a name that nobody knows: often it is a known one with a typing error."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, and which one was meant, or which ones there are. what: such as "field"."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"unknown {what} '{name}', did you mean '{near[0]}'?"
    return f"unknown {what} '{name}'; known are: {', '.join(names) or 'none'}"
