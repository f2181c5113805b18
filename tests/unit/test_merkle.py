"""Merkle trees against the reference vectors of Certificate Transparency, and against the definition itself."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    InvalidProof,
    Read,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    perfect_root,
    root,
    root_by_inclusion,
    verify_consistency,
)

# The inputs and results that the reference implementations of RFC 6962 are tested with.
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY: dict[tuple[int, int], list[str]] = {
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

sizes = st.integers(1, 700)


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, word for word; leaves by their hashes."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256().digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


def tree(hashes: Sequence[bytes]) -> Read:
    """Reads leaves, and tiles as a database would have them."""

    def read(level: int, first: int, count: int) -> list[bytes]:
        width = 1 << level
        return [perfect_root(hashes[n * width : (n + 1) * width]) for n in range(first, first + count)]

    return read


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_vectors(size: int) -> None:
    hashes = [leaf_hash(data) for data in INPUTS[:size]]
    frontier = Frontier()
    for leaf in hashes:
        frontier.append(leaf)

    assert root(tree(hashes), size).hex() == ROOTS[size]
    assert frontier.root().hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_the_reference_vectors(index: int, size: int) -> None:
    path = inclusion_proof(tree([leaf_hash(data) for data in INPUTS]), index, size)

    assert [h.hex() for h in path] == INCLUSION[index, size]


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_consistency_proofs_are_those_of_the_reference_vectors(first: int, second: int) -> None:
    path = consistency_proof(tree([leaf_hash(data) for data in INPUTS]), first, second)

    assert [h.hex() for h in path] == CONSISTENCY[first, second]
    verify_consistency(first, second, bytes.fromhex(ROOTS[first]), bytes.fromhex(ROOTS[second]), path)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root(tree([]), 0) == Frontier().root() == EMPTY_ROOT == mth([])


@given(sizes)
def test_a_root_is_what_the_definition_says(size: int) -> None:
    hashes = leaves(size)
    frontier = Frontier()
    for leaf in hashes:
        frontier.append(leaf)

    assert root(tree(hashes), size) == frontier.root() == mth(hashes)


@given(sizes, st.data())
def test_every_leaf_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(tree(hashes), index, size)

    assert root_by_inclusion(hashes[index], index, size, path) == mth(hashes)
    assert root_by_inclusion(leaf_hash(b"another"), index, size, path) != mth(hashes)


@given(sizes, st.data())
def test_a_tree_is_proved_to_begin_with_an_older_one(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    first = data.draw(st.integers(1, size))
    path = consistency_proof(tree(hashes), first, size)

    verify_consistency(first, size, mth(hashes[:first]), mth(hashes), path)


@given(sizes.filter(lambda n: n > 1), st.data())
def test_a_rewritten_beginning_has_no_proof(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    first = data.draw(st.integers(1, size - 1))
    old = mth(hashes[:first])
    hashes[data.draw(st.integers(0, first - 1))] = leaf_hash(b"another")

    with pytest.raises(InvalidProof):
        verify_consistency(first, size, old, mth(hashes), consistency_proof(tree(hashes), first, size))


@given(sizes, st.data())
def test_a_changed_path_proves_nothing(size: int, data: st.DataObject) -> None:
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(tree(hashes), index, size)
    what = data.draw(st.sampled_from(["longer", "shorter", "other"] if path else ["longer"]))
    changed = {
        "longer": [*path, path[0] if path else hashes[0]],
        "shorter": path[:-1],
        "other": [bytes(32), *path[1:]],
    }[what]

    try:
        found = root_by_inclusion(hashes[index], index, size, changed)
    except InvalidProof:
        return
    assert found != mth(hashes)


@given(st.integers(-2, 9), st.integers(-2, 9), st.lists(st.just(bytes(32)), max_size=5))
def test_proofs_of_nonsense_are_refused_and_never_crash(first: int, second: int, path: list[bytes]) -> None:
    for check in (
        lambda: root_by_inclusion(bytes(32), first, second, path),
        lambda: verify_consistency(first, second, b"1" * 32, b"2" * 32, path),
    ):
        try:
            check()
        except InvalidProof:
            continue


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        inclusion_proof(tree([]), index, size)
    with pytest.raises(InvalidProof):
        root_by_inclusion(bytes(32), index, size, [])
