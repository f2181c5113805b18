"""What survives: the key and the counter, through power cuts at every write and through damage."""

import itertools
import os
import stat

import pytest

from simbond_agent import files
from simbond_agent.keystore import Keystore, KeystoreError


@pytest.fixture
def directory(tmp_path):
    return str(tmp_path / "state")


class PowerCut(BaseException):
    pass


@pytest.fixture
def power(monkeypatch):
    """power(n) lets n steps on the medium happen, then cuts: opening truncates, writing is one octet at a time."""
    left = [0]

    def step():
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1

    def write(path, data):
        for end in range(len(data) + 1):
            step()
            with open(path, "wb") as f:
                f.write(data[:end])

    rename = os.rename

    def cut_rename(old, new):
        step()
        rename(old, new)

    monkeypatch.setattr(files, "write", write)
    monkeypatch.setattr(files.os, "rename", cut_rename)

    def power(steps):
        left[0] = steps

    return power


def cuts(power, use):
    """Runs use(n) for n = 0, 1, ... with a power cut after n steps, and yields n once the power is back."""
    for steps in itertools.count():
        power(steps)
        try:
            use(steps)
        except PowerCut:
            power(10_000)
            yield steps
        else:
            assert steps > 50
            return


def test_first_start_makes_a_private_key_and_counts_from_one(directory):
    keystore = Keystore(directory)
    assert keystore.bootcount == 1
    assert (keystore.iccid, keystore.imei) == (None, None)
    assert stat.S_IMODE(os.stat(directory + "/key").st_mode) == 0o600


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


def test_power_cut_at_every_step_of_the_first_start(directory, power):
    for steps in cuts(power, lambda steps: Keystore(f"{directory}-{steps}")):
        first, second = (Keystore(f"{directory}-{steps}") for _ in range(2))
        assert 1 <= first.bootcount < second.bootcount
        assert first.private_key == second.private_key


def test_power_cut_at_every_step_of_a_later_boot_and_acknowledgement(directory, power):
    key = {}
    used = {}

    def use(steps):
        power(10_000)
        before = Keystore(f"{directory}-{steps}")
        before.acknowledge("8986001", "8610020")
        key[steps], used[steps] = before.private_key, before.bootcount
        power(steps)
        now = Keystore(f"{directory}-{steps}")
        used[steps] = now.bootcount
        now.acknowledge("8986002", "8610020")

    for steps in cuts(power, use):
        after = Keystore(f"{directory}-{steps}")
        assert after.private_key == key[steps]
        assert after.bootcount > used[steps]
        assert after.iccid in ("8986001", "8986002")


def test_a_rotten_newest_slot_repeats_no_number(directory):
    used = [Keystore(directory).bootcount for _ in range(4)]
    newest = max((directory + "/state.a", directory + "/state.b"), key=lambda p: files.read(p)[:4])
    damage(newest)
    assert Keystore(directory).bootcount > max(used)


def damage(path):
    octets = bytearray(files.read(path))
    octets[len(octets) // 2] ^= 1
    with open(path, "wb") as f:
        f.write(octets)


@pytest.mark.parametrize("harm", [damage, lambda path: open(path, "wb").close()])
def test_a_damaged_key_is_an_error_and_stays_as_it_is(directory, harm):
    Keystore(directory)
    harm(directory + "/key")
    octets = files.read(directory + "/key")
    with pytest.raises(KeystoreError, match=r"key file is damaged.*enrol"):
        Keystore(directory)
    assert files.read(directory + "/key") == octets


def test_a_lost_key_is_an_error_not_a_new_key(directory):
    Keystore(directory)
    os.remove(directory + "/key")
    with pytest.raises(KeystoreError, match="key is gone"):
        Keystore(directory)
    assert not os.path.exists(directory + "/key")


@pytest.mark.parametrize("harm", [damage, os.remove])
def test_a_lost_counter_is_an_error_not_a_new_count(directory, harm):
    for _ in range(2):
        Keystore(directory)
    for slot in ("/state.a", "/state.b"):
        harm(directory + slot)
    with pytest.raises(KeystoreError, match="boot counter"):
        Keystore(directory)
