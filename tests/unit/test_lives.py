"""Lives of cards at random, in the real store: whatever devices, networks and operators do, in whatever order."""

import tempfile
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import select

from simbond_agent import claims
from simbond_verifier import fleet
from simbond_verifier.decisions import Decisions, about_card
from simbond_verifier.lifecycle import Access, Event, State
from simbond_verifier.observation import Sign
from simbond_verifier.policy import BlastRadius, Policy
from simbond_verifier.reasons import Reason
from simbond_verifier.refusal import Refusal
from simbond_verifier.scenario import DEFAULT_LADDER
from simbond_verifier.store import cards, gate, proposals, signs, swaps
from simbond_verifier.store.proposals import Kind
from simbond_verifier.store.schema import card, command, event
from simbond_verifier.store.signs import Told
from support.attester import Attester
from support.states import MAY
from support.verifier import SCENARIO, Desk
from support.verifier import desk as make_desk

LADDER = 'roaming = "restrict"\nclone = "suspend"\nphone = { step = "suspend", confirm = 2 }\n'
POLICY = Policy(blast_radius=BlastRadius(number=3, share=0.0001))
IDENTITIES = [(f"898600123456789{n:05}", f"4600012345{n:05}") for n in range(1, 3)]
IMEIS = [f"86123405{n:06}0" for n in range(1, 4)]

which_card = st.sampled_from(range(len(IDENTITIES)))
which_device = st.sampled_from(range(len(IMEIS)))
operators = st.sampled_from(["olga", "oleg"])


@pytest.fixture(scope="module", autouse=True)
def _template(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A store with two cards in their devices, and a spare device, made once."""
    folder = tmp_path_factory.mktemp("lives")
    Lives.devices = [Attester(imei=imei, iccid=None, imsi=None, status=claims.TRAY_EMPTY) for imei in IMEIS]
    with make_desk(folder, SCENARIO + LADDER) as desk:
        desk.stock(*IDENTITIES)
        desk.add(*Lives.devices)
        for (iccid, _), device in zip(IDENTITIES, Lives.devices, strict=False):
            more = {"scenario": None, "scenarios": desk.scenarios, "actor": "olga"}
            desk.do(fleet.bind, iccid, device.kid.hex(), **more)
    Lives.template = folder / "test.db"


class Lives(RuleBasedStateMachine):
    """Two cards, three devices, two operators."""

    template: Path
    devices: list[Attester]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lives"))
        copyfile(self.template, self.folder / "test.db")
        self.desk = Desk(self.folder / "test.db", SCENARIO + LADDER)
        self.decisions = Decisions(self.desk.scenarios, POLICY)
        self.held: set[int] = set()
        self.by_person = False

    def teardown(self) -> None:
        self.desk.database.close()
        rmtree(self.folder)

    def order(self, actor: str, kind: Kind, which: int, **more: Any) -> None:
        """An operator's order, which the card's state may refuse."""
        self.by_person = True
        if "device" in more:
            more["kid"] = self.devices[more.pop("device")].kid.hex()

        def unit(connection: Any, now: float) -> None:
            wish = about_card(connection, kind, IDENTITIES[which][0], reason="r", **more)
            self.decisions.take(connection, wish, actor=actor, now=now)

        self.attempt(unit)

    def attempt(self, unit: Any, *arguments: Any, **more: Any) -> None:
        try:
            self.desk.do(unit, *arguments, **more)
        except Refusal:
            return

    @rule(actor=operators, which=which_card, device=which_device)
    def bind(self, actor: str, which: int, device: int) -> None:
        self.order(actor, Kind.BIND, which, device=device, scenario=None, force=False)

    @rule(actor=operators, which=which_card, device=which_device)
    def ask_for_a_swap(self, actor: str, which: int, device: int) -> None:
        self.order(actor, Kind.SWAP, which, device=device, force=False)

    @rule(actor=operators, which=which_card, kind=st.sampled_from([Kind.UNBIND, Kind.RETIRE]))
    def take_away(self, actor: str, which: int, kind: Kind) -> None:
        self.order(actor, kind, which)

    @rule(actor=operators, which=which_card, reverify=st.booleans())
    def resume(self, actor: str, which: int, reverify: bool) -> None:
        self.order(actor, Kind.RESUME, which, reverify=reverify)

    @rule(actor=operators, which=which_card)
    def suspend(self, actor: str, which: int) -> None:
        self.by_person = True
        self.attempt(fleet.suspend, IDENTITIES[which][0], reason="r", actor=actor)

    @rule(actor=operators, number=st.integers(1, 6))
    def approve(self, actor: str, number: int) -> None:
        self.by_person = True
        self.attempt(self.decisions.approve, number, words="", actor=actor)

    @rule(device=which_device, holds=st.none() | which_card, fresh=st.booleans())
    def attest(self, device: int, holds: int | None, fresh: bool) -> None:
        self.by_person = False
        attester = self.devices[device]
        attester.iccid, attester.imsi = (None, None) if holds is None else IDENTITIES[holds]
        attester.status = claims.TRAY_EMPTY if holds is None else 0
        nonce = self.desk.nonce(attester)
        self.desk.now += 1 if fresh else 300
        self.desk.attest(attester, nonce)

    @rule(which=which_card)
    def attest_at_home(self, which: int) -> None:
        """The device that has the card says so, over a new nonce."""
        home = self.desk.card(IDENTITIES[which][0])["device"]
        for number, attester in enumerate(self.devices):
            if home is not None and attester.kid.hex() == home["kid"]:
                self.attest(number, which, True)

    @rule(which=which_card, reason=st.sampled_from(sorted(DEFAULT_LADDER)))
    def observe(self, which: int, reason: Reason) -> None:
        self.by_person = False
        scenario = self.desk.scenarios.get("meter")
        assert scenario is not None
        with self.desk.database.write() as connection:
            about = cards.by_iccid(connection, IDENTITIES[which][0])
            assert about is not None
            signs.note(connection, about, [Sign(reason, {})], scenario, POLICY, Told(self.desk.now, "feed"))

    @rule(on=st.booleans(), actor=operators)
    def switch(self, on: bool, actor: str) -> None:
        self.by_person = False
        self.desk.do(gate.set_kill_switch, on, reason="r", actor=actor)

    @rule(number=st.integers(1, 4), actor=operators, do=st.sampled_from([gate.release, gate.dismiss]))
    def decide_over_what_is_withheld(self, number: int, actor: str, do: Any) -> None:
        self.by_person = True
        self.attempt(do, number, reason="r", actor=actor)

    @rule(pause=st.sampled_from([60, 3600, 90000]))
    def wait(self, pause: int) -> None:
        """Whatever is due by the clock."""
        self.by_person = False
        self.desk.now += pause
        with self.desk.database.write() as connection:
            now = self.desk.now
            for late in connection.execute(select(card.c.id).where(card.c.deadline <= now)).scalars().all():
                about, told = cards.by_id(connection, late), Told(now, "deadline")
                signs.enforce(connection, about, Event.EXPIRE, [Reason.CHECK_EXPIRED], POLICY, told)
            for late in swaps.due(connection, now):
                swaps.expire(connection, late, now)
            proposals.expire(connection, now)

    @invariant()
    def every_card_is_in_order(self) -> None:
        with self.desk.database.read() as connection:
            for row in connection.execute(select(card)).all():
                state, access = State(row.state), Access(row.access)
                assert access in MAY[state]
                if state in (State.BOUND, State.WARNED):
                    assert row.device_id is not None
                if state in (State.STOCK, State.RETIRED):
                    assert row.device_id is None
                assert (row.swap_until is None) is (row.swap_device_id is None)
                assert row.swap_until is None or row.device_id is not None
                assert row.deadline is None or state in (State.WARNED, State.REVERIFYING)
                assert not row.held or state in (State.SUSPENDED, State.REVERIFYING)

    @invariant()
    def the_network_is_told_what_was_decided_last(self) -> None:
        with self.desk.database.read() as connection:
            for row in connection.execute(select(card.c.id, card.c.access)).all():
                told = connection.execute(
                    select(command.c.access, command.c.outcome)
                    .where(command.c.card_id == row.id)
                    .order_by(command.c.id)
                ).all()
                assert (told[-1].access if told else "allowed") == row.access
                assert [outcome for _, outcome in told].count("pending") <= 1

    @invariant()
    def the_history_says_how_it_came_to_that(self) -> None:
        with self.desk.database.read() as connection:
            for row in connection.execute(select(card.c.id, card.c.state, card.c.access)).all():
                lines = connection.execute(select(event).where(event.c.card_id == row.id).order_by(event.c.id)).all()
                assert (lines[-1].state, lines[-1].access) == (row.state, row.access)
                assert all(line.actor for line in lines)

    @invariant()
    def what_a_person_suspended_only_a_person_lifts(self) -> None:
        with self.desk.database.read() as connection:
            held = set(connection.execute(select(card.c.id).where(card.c.held)).scalars())
            out = {
                row.id
                for row in connection.execute(select(card)).all()
                if row.id in self.held - held and row.state != State.RETIRED
            }
        # One that a person has let in again may be affirmed there.
        opened = {i for i in out if self._was_opened(i)}
        assert self.by_person or out <= opened
        self.held = held

    def _was_opened(self, card_id: int) -> bool:
        with self.desk.database.read() as connection:
            kinds = connection.execute(
                select(event.c.kind).where(event.c.card_id == card_id).order_by(event.c.id)
            ).scalars()
            decided = [kind for kind in kinds if kind in (Event.OPEN, Event.SUSPEND)]
        return bool(decided) and decided[-1] == Event.OPEN


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=20)
