import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_agent import cbor

ints = st.integers(-(2**64), 2**64 - 1)
scalars = st.none() | st.booleans() | ints | st.binary(max_size=300) | st.text(max_size=80)
items = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ints | st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
answers = st.dictionaries(
    st.integers(-300, 300), ints | st.binary(max_size=40) | st.lists(st.text(max_size=30), max_size=30), max_size=30
)


@given(items)
def test_any_item_reads_back_with_cbor2(item):
    assert cbor2.loads(cbor.encode(item)) == item


@given(st.dictionaries(ints | st.text(max_size=40) | st.binary(max_size=40), scalars))
def test_map_keys_stand_in_the_order_of_their_encodings(item):
    keys = [cbor2.dumps(key) for key in cbor2.loads(cbor.encode(item))]
    assert keys == sorted(keys)


@given(scalars)
def test_scalars_are_as_short_as_cbor2_makes_them(item):
    assert cbor.encode(item) == cbor2.dumps(item)


def test_tag():
    assert cbor.encode(cbor.Tag(18, [b"", {}])) == bytes.fromhex("d28240a0")


@pytest.mark.parametrize("value", [1.5, object(), {1, 2}])
def test_what_the_profile_does_not_know_is_refused(value):
    with pytest.raises(TypeError):
        cbor.encode(value)


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1])
def test_integers_beyond_64_bits_are_refused(value):
    with pytest.raises(ValueError, match="64 bits"):
        cbor.encode(value)


@given(answers)
def test_answers_of_cbor2_are_read(answer):
    assert cbor.decode(cbor2.dumps(answer, canonical=True)) == answer


@given(answers)
def test_a_cut_answer_is_refused(answer):
    octets = cbor2.dumps(answer)
    for end in range(len(octets)):
        with pytest.raises(ValueError):
            cbor.decode(octets[:end])


@given(st.binary(max_size=60))
def test_noise_never_raises_anything_but_value_error(noise):
    try:
        item = cbor.decode(noise)
    except ValueError:
        return
    assert cbor2.loads(noise) == item


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ("0101", "after"),
        ("1801", "shortest"),
        ("190017", "shortest"),
        ("1900ff", "shortest"),
        ("1a0000ffff", "shortest"),
        ("1b00000000ffffffff", "shortest"),
        ("5801ff", "shortest"),
        ("9f01ff", "indefinite"),
        ("bf0101ff", "indefinite"),
        ("5f4101ff", "indefinite"),
        ("a201010102", "duplicate"),
        ("a18001", "compound"),
        ("62c328", "UTF-8"),
        ("c101", "tag"),
        ("f93c00", "float"),
        ("f7", "simple"),
        ("818181818181", "deep"),
        ("9bffffffffffffffff", "truncated"),
        ("5bffffffffffffffff00", "truncated"),
        ("", "truncated"),
    ],
)
def test_what_is_not_strict_is_refused_with_its_reason(octets, why):
    with pytest.raises(ValueError, match=why):
        cbor.decode(bytes.fromhex(octets))
