"""Merkle tree hashing and proofs (RFC 9162 section 2.1) with SHA-256.

A tree is read through a function that knows the roots of perfect subtrees of 256**n leaves ("tiles"); everything else
is computed from those, at most 255 hashes a level.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

HASH_OCTETS = 32
EMPTY_ROOT = sha256().digest()
TILE_HEIGHT = 8
"""A tile stands for 2**8 nodes of the level below its own."""

Read = Callable[[int, int, int], Sequence[bytes]]
"""read(level, first, count): the roots of `count` perfect subtrees of 2**level leaves, from number `first` on. The
level is a multiple of TILE_HEIGHT; level 0 is the leaves themselves."""
Range = tuple[int, int]


class InvalidProof(ValueError):
    """A proof that does not prove what it is said to."""


def leaf_hash(body: bytes) -> bytes:
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The root of a tree that grows leaf by leaf, in memory of its height: the roots of the perfect subtrees that it
    is made of, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """leaf: its hash."""
        completed = self.size
        while completed & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            completed >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        return _join(self._peaks)


def root(read: Read, size: int) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return _range_root(read, (0, size))


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root above 2**n roots of equal subtrees."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def inclusion_proof(read: Read, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of section 2.1.3.1. Raises ValueError unless index < size."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return [_range_root(read, r) for r in _inclusion_ranges(index, size)]


def consistency_proof(read: Read, first: int, second: int) -> list[bytes]:
    """PROOF(first, D[second]) of section 2.1.4.1; empty where both sizes are the same. Raises ValueError unless
    0 < first <= second."""
    if not 0 < first <= second:
        raise ValueError(f"a tree of {first} leaves is no beginning of one of {second}")
    return [_range_root(read, r) for r in _consistency_ranges(first, second)]


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes:
    """The root that a path leads to from a leaf's hash (section 2.1.3.2). Raises InvalidProof for a path that is no
    path in a tree of that size."""
    if not 0 <= index < size:
        raise InvalidProof(f"leaf {index} is not in a tree of {size}")
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise InvalidProof("the path is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the path is too short")
    return found


def roots_by_consistency(first: int, second: int, first_root: bytes, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of both trees as a proof has them (section 2.1.4.2); the first is to be compared with the one that is
    known. Raises InvalidProof for what is no proof between trees of these sizes."""
    if not 0 < first <= second:
        raise InvalidProof(f"a tree of {first} leaves is no beginning of one of {second}")
    if first == second:
        if path:
            raise InvalidProof("the path is too long")
        return first_root, first_root
    # A perfect first tree is a node of the second one, so the proof leaves it out.
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not hashes:
        raise InvalidProof("the path is empty")
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise InvalidProof("the path is too long")
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise InvalidProof("the path is too short")
    return old, new


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> None:
    """Raises InvalidProof unless the tree with the second root begins with the one with the first."""
    old, new = roots_by_consistency(first, second, first_root, path)
    if old != first_root or new != second_root:
        raise InvalidProof(f"the tree of {second} leaves does not begin with the one of {first}")


def _inclusion_ranges(index: int, size: int) -> list[Range]:
    begin, end = 0, size
    beside = []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((begin, middle))
            begin = middle
    return beside[::-1]


def _consistency_ranges(first: int, second: int) -> list[Range]:
    begin, end = 0, second
    beside = []
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            beside.append((middle, end))
            end = middle
        else:
            beside.append((begin, middle))
            begin = middle
    if begin:
        beside.append((begin, end))
    return beside[::-1]


def _split(count: int) -> int:
    """The largest power of two below count, which is 2 or more."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(read: Read, leaves: Range) -> bytes:
    """The root over the leaves from one to before another; a range of a proof begins at a multiple of every perfect
    subtree in it."""
    begin, end = leaves
    peaks = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        peaks.append(_subtree(read, level, begin >> level))
        begin += 1 << level
    return _join(peaks)


def _subtree(read: Read, level: int, index: int) -> bytes:
    above = level % TILE_HEIGHT
    return perfect_root(read(level - above, index << above, 1 << above))


def _join(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    found = peaks[-1]
    for left in reversed(peaks[:-1]):
        found = node_hash(left, found)
    return found
