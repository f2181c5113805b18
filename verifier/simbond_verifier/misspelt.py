"""Words for a name that nobody knows: often it is a known one with a typing error."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, and which one was meant, or which ones there are. what: such as "field"."""
    names = sorted(known)
    return suggest(what, name, names) or f"unknown {what} '{name}'; known are: {', '.join(names) or 'none'}"


def suggest(what: str, name: str, known: Iterable[str]) -> str:
    """Says that a name is unknown, and which one was meant; empty where none is like it."""
    near = get_close_matches(name, list(known), n=1)
    return f"unknown {what} '{name}', did you mean '{near[0]}'?" if near else ""
