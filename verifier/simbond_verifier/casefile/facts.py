"""The entries of a case, taken apart by kind. Forms are checked here, proofs are not."""

from typing import Any, NamedTuple

from ..ledger import leaf
from ..ledger.cbor import Malformed
from ..ledger.leaf import Body
from .case import Case, Item


class Fact(NamedTuple):
    """One entry whose content is there."""

    seq: int
    kind: str
    row_id: int
    previous: int | None
    fields: dict[str, Any]

    @property
    def at(self) -> float:
        return float(self.fields["at"])

    @property
    def detail(self) -> dict[str, Any]:
        """Of an event."""
        found = self.fields["detail"]
        return found if isinstance(found, dict) else {}

    @property
    def reasons(self) -> list[str]:
        """Of Evidence or an event."""
        return [code for code in self.fields["reasons"].split(",") if code]


class Facts(NamedTuple):
    """All of them, in order of their sequence numbers."""

    all: list[Fact]
    deleted: list[Item]
    malformed: list[int]
    """Sequence numbers of entries whose content is of no known form."""
    card: int | None
    """By which the ledger's rows name the case's card."""

    def of(self, kind: str) -> list[Fact]:
        return [fact for fact in self.all if fact.kind == kind]

    def history(self) -> list[Fact]:
        """The events of the card."""
        return [fact for fact in self.of("event") if fact.fields["card"] == self.card]

    def fleet(self, kind: str) -> list[Fact]:
        """Events of one kind that are about no single card."""
        return [fact for fact in self.of("event") if fact.fields["card"] is None and fact.fields["kind"] == kind]

    def following(self, kind: str, column: str, row_id: int) -> list[Fact]:
        """Rows that name another in a column: the commands of an event, the read-backs of a command."""
        return [fact for fact in self.of(kind) if fact.fields[column] == row_id]


_NUMBER = (int, float)
_TEXT, _MAYBE = (str,), (int, type(None))
_FORMS: dict[str, dict[str, tuple[type, ...]]] = {
    "evidence": {
        "card": _MAYBE,
        "at": _NUMBER,
        "device": (int,),
        "tier": (int,),
        "reasons": _TEXT,
        "message": (bytes,),
    },
    "event": {
        "card": _MAYBE,
        "at": _NUMBER,
        "iccid": (str, type(None)),
        "device": _MAYBE,
        "evidence": _MAYBE,
        "kind": _TEXT,
        "actor": _TEXT,
        "state": _TEXT,
        "access": _TEXT,
        "reasons": _TEXT,
        "detail": (dict,),
    },
    "command": {"card": (int,), "at": _NUMBER, "iccid": _TEXT, "event": (int,), "access": _TEXT},
    "readback": {"card": (int,), "at": _NUMBER, "command": (int,), "target": _TEXT, "said": _TEXT, "error": _TEXT},
    "notice": {"card": (int,), "at": _NUMBER, "iccid": _TEXT, "event": (int,), "kind": _TEXT, "body": (dict,)},
    "appeal": {
        "card": (int,),
        "at": _NUMBER,
        "iccid": _TEXT,
        "notice": _MAYBE,
        "actor": _TEXT,
        "statement": _TEXT,
        "materials": (list,),
    },
}


def read(case: Case) -> Facts:
    found: list[Fact] = []
    malformed: list[int] = []
    for item in case.items:
        if item.body is None:
            continue
        try:
            found.append(_fact(item.seq, leaf.read(item.body)))
        except Malformed:
            malformed.append(item.seq)
    cards = {fact.fields["card"] for fact in found if fact.kind == "event" and fact.fields["iccid"] == case.iccid}
    card = cards.pop() if len(cards) == 1 else None
    return Facts(found, [item for item in case.items if item.body is None], malformed, card)


def _fact(seq: int, body: Body) -> Fact:
    form = _FORMS[body.kind]
    if body.fields.keys() != form.keys():
        raise Malformed("an entry with other fields than it should have")
    for name, types in form.items():
        if type(body.fields[name]) not in types:
            raise Malformed(f"an entry whose {name} is of another type")
    return Fact(seq, body.kind, body.row_id, body.previous, body.fields)
