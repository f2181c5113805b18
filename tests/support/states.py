"""What a card in each state may be allowed, written down apart from the rules that lead there."""

from simbond_verifier.lifecycle import Access, State

MAY = {
    State.STOCK: {Access.ALLOWED},
    State.BOUND: {Access.ALLOWED},
    State.WARNED: {Access.ALLOWED, Access.RESTRICTED},
    State.SUSPENDED: {Access.BARRED},
    State.REVERIFYING: {Access.ALLOWED, Access.BARRED},
    State.RETIRED: {Access.BARRED},
}
