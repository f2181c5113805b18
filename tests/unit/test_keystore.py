"""What the device keeps: key, boot counter, identity, the rotation to another key; and what it does about damage.

Power cuts: test_power_cuts.py.
"""

import os
import stat
from contextlib import contextmanager

import pytest

from simbond_agent import cbor, codes, files
from simbond_agent.keystore import Keystore, KeystoreError
from support.damage import flipped
from support.flash import Fat


@contextmanager
def refused(code, words):
    with pytest.raises(KeystoreError, match=words) as error:
        yield
    assert error.value.code == code


@pytest.fixture
def directory(tmp_path):
    return str(tmp_path / "state")


def test_first_start_makes_a_private_key_and_counts_from_one(directory):
    keystore = Keystore(directory)
    assert keystore.bootcount == 1
    assert (keystore.iccid, keystore.imei) == (None, None)
    assert stat.S_IMODE(os.stat(directory + "/key").st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_named(directory):
    with refused(codes.STATE_DIR, f"^{directory}/sub/state: .*parent"):
        Keystore(directory + "/sub/state")


def test_every_device_has_its_own_key(directory):
    assert Keystore(directory + "1").private_key != Keystore(directory + "2").private_key


def test_reopening_keeps_the_key_and_counts(directory):
    keys = [(k.private_key, k.bootcount) for k in (Keystore(directory) for _ in range(5))]
    assert keys == [(keys[0][0], n) for n in range(1, 6)]


def test_acknowledged_identity_survives_and_is_written_only_when_it_changes(directory, monkeypatch):
    keystore = Keystore(directory)
    keystore.acknowledge("8986001", None)
    keystore.acknowledge(None, "8610020")
    monkeypatch.setattr(files, "write", lambda *_: pytest.fail("nothing changed"))
    keystore.acknowledge("8986001", "8610020")
    monkeypatch.undo()
    again = Keystore(directory)
    assert (again.iccid, again.imei, again.bootcount) == ("8986001", "8610020", 2)


def test_an_eid_is_known_with_its_card(directory):
    keystore = Keystore(directory)
    keystore.acknowledge("8986001", "8610020", "8903301")
    keystore.acknowledge("8986001", None)
    assert Keystore(directory).eid == "8903301"
    keystore = Keystore(directory)
    keystore.acknowledge("8986002", "8610020")
    assert (keystore.iccid, keystore.eid) == ("8986002", None)
    assert Keystore(directory).eid is None


def test_a_record_of_an_earlier_version_is_understood(directory):
    key = Keystore(directory).private_key
    files.Slots(directory + "/state").write(cbor.encode([7, "8986001", "8610020"]))
    keystore = Keystore(directory)
    assert (keystore.bootcount, keystore.private_key) == (8, key)
    assert (keystore.iccid, keystore.imei, keystore.eid) == ("8986001", "8610020", None)


def test_a_full_disk_costs_neither_the_counter_nor_the_identity():
    disk = Fat()
    with disk.mounted():
        keystore = Keystore("/simbond")
        disk.full = True
        for _ in range(3):  # more often than there are slots
            with pytest.raises(OSError, match="space"):
                keystore.acknowledge("8986001", "8610020")
        with disk.copy().mounted():
            assert Keystore("/simbond").bootcount > keystore.bootcount
        disk.full = False
        keystore.acknowledge("8986001", "8610020")
        assert Keystore("/simbond").iccid == "8986001"


def test_a_rotten_newest_slot_repeats_no_number(directory):
    used = [Keystore(directory).bootcount for _ in range(4)]
    newest = max((directory + "/state.a", directory + "/state.b"), key=lambda p: files.read(p)[:4])
    damage(newest)
    assert Keystore(directory).bootcount > max(used)


def damage(path):
    octets = files.read(path)
    with open(path, "wb") as f:
        f.write(flipped(octets, len(octets) // 2))


@pytest.mark.parametrize("harm", [damage, lambda path: open(path, "wb").close()])
def test_a_damaged_key_is_an_error_and_stays_as_it_is(directory, harm):
    Keystore(directory)
    harm(directory + "/key")
    octets = files.read(directory + "/key")
    with refused(codes.KEY_DAMAGED, f"^{directory}/key; .*remove {directory} and enrol"):
        Keystore(directory)
    assert files.read(directory + "/key") == octets


def test_a_lost_key_is_an_error_not_a_new_key(directory):
    Keystore(directory)
    os.remove(directory + "/key")
    with refused(codes.KEY_GONE, f"^{directory}/key; "):
        Keystore(directory)
    assert not os.path.exists(directory + "/key")


@pytest.mark.parametrize("harm", [damage, os.remove])
def test_a_lost_counter_is_an_error_not_a_new_count(directory, harm):
    for _ in range(2):
        Keystore(directory)
    for slot in ("/state.a", "/state.b"):
        harm(directory + slot)
    with refused(codes.COUNTER_DAMAGED, f"^{directory}/state"):
        Keystore(directory)


def test_rotation_takes_the_next_key_when_it_was_adopted_and_not_sooner(directory):
    keystore = Keystore(directory)
    old = keystore.private_key
    assert not keystore.has_next
    new = keystore.next_key()
    assert new != old
    assert keystore.has_next
    again = Keystore(directory)
    assert (again.private_key, again.has_next, again.next_key()) == (old, True, new)
    again.adopt_next()
    assert (again.private_key, again.has_next) == (new, False)
    assert Keystore(directory).private_key == new


def test_the_next_key_is_private_too(directory):
    keystore = Keystore(directory)
    keystore.next_key()
    keystore.adopt_next()
    assert stat.S_IMODE(os.stat(directory + "/key").st_mode) == 0o600


def test_every_rotation_brings_another_key(directory):
    keystore = Keystore(directory)
    keys = {keystore.private_key}
    for _ in range(3):
        keystore.next_key()
        keystore.adopt_next()
        keys.add(keystore.private_key)
    assert len(keys) == 4


def test_a_damaged_next_key_is_an_error_and_leaves_the_key_in_use(directory):
    keystore = Keystore(directory)
    old = keystore.private_key
    keystore.next_key()
    damage(directory + "/key.next")
    octets = files.read(directory + "/key.next")
    keystore = Keystore(directory)
    assert (keystore.private_key, keystore.has_next) == (old, True)
    for use in (keystore.next_key, keystore.adopt_next):
        with refused(codes.NEXT_KEY_DAMAGED, f"^{directory}/key.next; "):
            use()
    assert files.read(directory + "/key.next") == octets
    assert Keystore(directory).private_key == old


def test_without_a_next_key_none_is_adopted(directory):
    keystore = Keystore(directory)
    old = keystore.private_key
    with pytest.raises(FileNotFoundError):
        keystore.adopt_next()
    assert keystore.private_key == Keystore(directory).private_key == old


def test_a_lost_counter_is_an_error_even_between_two_keys(directory):
    Keystore(directory).next_key()
    for name in ("/key", "/state.a", "/state.b"):
        os.remove(directory + name)
    with refused(codes.COUNTER_DAMAGED, f"^{directory}/state"):
        Keystore(directory)


def test_without_a_key_of_its_own_it_counts_boots_and_makes_none(tmp_path):
    directory = str(tmp_path / "state")
    assert [Keystore(directory, has_key=False).bootcount for _ in range(3)] == [1, 2, 3]
    assert Keystore(directory, has_key=False).private_key is None
    assert not (tmp_path / "state" / "key").exists()
