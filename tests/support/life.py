"""A device's life as its stores on flash see it. Runs under CPython and under MicroPython."""

from binascii import hexlify

from simbond_agent.keystore import Keystore
from simbond_agent.spool import Spool

CAPACITY = 3
CARDS = (
    ("89860012345678900001", "861234050000013", None),
    ("89860012345678900019", "861234050000013", "89033023000000000000000000000014"),
    ("89860012345678900027", "861234050000013", None),
)
# What a power cut does not touch, as others hold it: the bootcount used last; the key (hex) that the verifier takes;
# identities, any of which may be the one acknowledged last; rings, any of which may be what is in the spool.
NOTHING = {"bootcount": 0, "key": None, "identities": [[None, None, None]], "rings": [[]], "made": 0}


def drained(directory):
    """The numbers of the entries in the spool, oldest first; it is empty then."""
    spool = Spool(directory + "/spool", CAPACITY)
    numbers = []
    while True:
        entry = spool.oldest()
        if entry is None:
            return numbers
        numbers.append(int(entry))
        spool.drop()


class Device:
    """A device on the flash at directory. Fails an assertion when it does not keep what the facts say was promised.

    peek(): the numbers in the spool, without changing it. tell(facts): called whenever the facts have changed.
    """

    def __init__(self, directory, peek, facts=NOTHING, tell=lambda facts: None):
        self.directory = directory
        self.facts = facts
        self._peek = peek
        self._tell = tell

    def boot(self):
        self.keystore = Keystore(self.directory)
        self.spool = Spool(self.directory + "/spool", CAPACITY)
        bootcount = self.keystore.bootcount
        assert bootcount > self.facts["bootcount"], f"bootcount {bootcount} was used"
        identity = [self.keystore.iccid, self.keystore.imei, self.keystore.eid]
        assert identity in self.facts["identities"], f"{identity} was not acknowledged"
        key = _hex(self.keystore.private_key)
        # At its first start it is enrolled. Another key than the verifier takes: the answer to a rotation was lost.
        self._know(bootcount=bootcount, identities=[identity], key=self.facts["key"] or key)
        if key != self.facts["key"]:
            assert self.keystore.has_next, "the key is lost"
            assert _hex(self.keystore.next_key()) == self.facts["key"], "the next key is lost"
        self.look()

    def look(self):
        """Finds out which of the possible rings is in the spool."""
        ring = self._peek()
        rings = self.facts["rings"]
        assert ring in rings, f"{ring} in the spool, not one of {rings}"
        assert len(self.spool) == len(ring)
        self._know(rings=[ring])

    def acknowledge(self, card):
        identities = list(self.facts["identities"])
        identities.append(list(card))
        self._know(identities=identities)
        self.keystore.acknowledge(*card)
        self._know(identities=[list(card)])

    def put(self):
        (ring,) = self.facts["rings"]
        number = self.facts["made"]
        kept = ring[-(CAPACITY - 1) :]
        new = list(kept)
        new.append(number)
        self._know(rings=[ring, kept, new], made=number + 1)
        self.spool.put(f"{number:180}".encode())
        self._know(rings=[new])
        self.look()

    def deliver(self):
        (ring,) = self.facts["rings"]
        entry = self.spool.oldest()
        assert ring[:1] == ([] if entry is None else [int(entry)])
        if entry is not None:
            self._know(rings=[ring, ring[1:]])
            self.spool.drop()
            self._know(rings=[ring[1:]])

    def rotate(self):
        key = _hex(self.keystore.next_key())
        self._know(key=key)  # the verifier has taken it
        self.keystore.adopt_next()
        assert _hex(self.keystore.private_key) == key
        assert not self.keystore.has_next

    def _know(self, **news):
        facts = dict(self.facts)
        facts.update(news)
        self.facts = facts
        self._tell(facts)


def live(device):
    """A whole life: every kind of write, each from more than one state of the files."""
    device.boot()
    device.boot()
    device.acknowledge(CARDS[0])
    device.put()
    device.deliver()
    for _ in range(CAPACITY + 2):
        device.put()
    device.rotate()
    device.boot()
    device.acknowledge(CARDS[1])
    device.deliver()
    device.put()
    device.rotate()
    device.acknowledge(CARDS[2])
    device.boot()


def go_on(device):
    """What a device does after a power cut: it comes up, and everything works."""
    device.boot()
    device.put()
    device.rotate()
    device.boot()


def _hex(octets):
    return hexlify(octets).decode()
