"""Several persons at one desk, under a policy."""

from typing import Any

from sqlalchemy import select

from simbond_verifier.decisions import Decisions, about_card
from simbond_verifier.policy import Policy, TwoPersons
from simbond_verifier.store import proposals
from simbond_verifier.store.proposals import Kind
from simbond_verifier.store.schema import event

from .attester import ICCID
from .verifier import Desk

STRICT = Policy(two_persons=TwoPersons(resume=True, retire=True, rebind=True, release=True))


class Persons:
    """Gives their orders."""

    def __init__(self, desk: Desk, policy: Policy = STRICT) -> None:
        self.desk = desk
        self.decisions = Decisions(desk.scenarios, policy)

    def order(self, actor: str, kind: Kind, iccid: str = ICCID, **detail: Any) -> int | None:
        def unit(connection: Any, now: float) -> int | None:
            wish = about_card(connection, kind, iccid, reason="because", **detail)
            return self.decisions.take(connection, wish, actor=actor, now=now)

        found: int | None = self.desk.do(unit)
        return found

    def approve(self, actor: str, number: int) -> None:
        self.desk.do(self.decisions.approve, number, words="yes", actor=actor)

    def shown(self, number: int) -> dict[str, Any]:
        with self.desk.database.read() as connection:
            return proposals.show(connection, number)

    def events(self) -> list[Any]:
        with self.desk.database.read() as connection:
            return list(connection.execute(select(event).order_by(event.c.id)))
