"""The SIM tray and the state of the card in it."""

from enum import StrEnum

from .card import Card
from .errors import EmulatorError
from .uicc import Uicc


class Sim(StrEnum):
    EMPTY = "empty"
    OFF = "off"  # the module has switched the SIM interface off (+CFUN=0)
    BUSY = "busy"  # found, still being read
    PIN = "pin"
    PUK = "puk"
    READY = "ready"


# 3GPP TS 27.007 clause 9.2.1: what a command that needs the card is answered in that state.
SIM_ERRORS = {Sim.EMPTY: 10, Sim.OFF: 13, Sim.BUSY: 14, Sim.PIN: 11, Sim.PUK: 12}
_PIN_TRIES = 3
WRONG_PASSWORD = 16


class Tray:
    """Holds one card or none. `generation` changes with every insertion, removal and power cycle, so that whoever waits
    for a card to become ready can see that it is no longer the same wait. `uicc`: the card as it runs since then."""

    def __init__(self, card: Card | None = None) -> None:
        self.card = card
        self.state = Sim.EMPTY
        self.uicc: Uicc | None = None
        self.generation = 0
        self._tries = _PIN_TRIES
        self.power_on()
        self.settle()

    def insert(self, card: Card) -> None:
        """Raises EmulatorError if a card is in."""
        if self.card is not None:
            raise EmulatorError(f"the tray holds card {self.card.iccid}; remove it first")
        self.card = card
        self._tries = _PIN_TRIES
        if self.state is not Sim.OFF:
            self.power_on()

    def remove(self) -> Card:
        """The card that was in. Raises EmulatorError if none was."""
        if self.card is None:
            raise EmulatorError("the tray is empty; insert a card first")
        card, self.card = self.card, None
        self.generation += 1
        if self.state is not Sim.OFF:
            self.state = Sim.EMPTY
        return card

    def power_off(self) -> None:
        self.generation += 1
        self.state = Sim.OFF

    def power_on(self) -> None:
        self.generation += 1
        self.state = Sim.EMPTY if self.card is None else Sim.BUSY
        self.uicc = None if self.card is None else Uicc(self.card.applications)

    def settle(self) -> None:
        """The card has been read: it is ready, or asks for its PIN."""
        if self.card is None or self.state is not Sim.BUSY:
            return
        if self._tries == 0:
            self.state = Sim.PUK
        else:
            self.state = Sim.PIN if self.card.pin else Sim.READY

    def verify(self, pin: str) -> bool:
        """True if `pin` opened the card; after three wrong ones it asks for the PUK."""
        if self.card is None or self.state is not Sim.PIN:
            return False
        if pin == self.card.pin:
            self._tries = _PIN_TRIES
            self.state = Sim.READY
            return True
        self._tries -= 1
        if self._tries == 0:
            self.state = Sim.PUK
        return False
