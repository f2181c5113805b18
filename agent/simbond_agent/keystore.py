"""What the device must keep: its private key, its boot counter, and the identity that a verifier last took.

Everything lies in one directory. key: written once in the device's life, readable by its owner only, never sent
anywhere. state.a and state.b: written in turn, once a boot and when another card or IMEI was acknowledged.
"""

import os

from . import cbor, files, p256

_MAGIC = b"SBK1"
_REMEDY = " Nothing was overwritten. To go on as a new device, remove the directory {0} and enrol the device again."


class KeystoreError(Exception):
    """The stored key or counter is damaged or gone. The text says which and what to do."""


class Keystore:
    """Opens the directory, makes it and a key in it at the first start, and counts this boot.

    bootcount: this boot's number, from 1, never used before. private_key: 32 octets, for a signer. iccid, imei: as
    last given to acknowledge(), or None. Raises KeystoreError and OSError.
    """

    def __init__(self, directory):
        self._directory = directory
        _make_directory(directory)
        self._slots = files.Slots(directory + "/state")
        bootcount, self.iccid, self.imei = self._state()
        self.private_key = self._key(bootcount)
        # A torn slot may have been the newer one: its number is skipped, so that none is ever used twice.
        self.bootcount = bootcount + (2 if self._slots.torn else 1)
        self._save()

    def acknowledge(self, iccid, imei):
        """Remembers the identity that a verifier has taken. None leaves what is known; writes only a change."""
        iccid = iccid or self.iccid
        imei = imei or self.imei
        if (iccid, imei) != (self.iccid, self.imei):
            self.iccid = iccid
            self.imei = imei
            self._save()

    def _save(self):
        self._slots.write(cbor.encode([self.bootcount, self.iccid, self.imei]))

    def _state(self):
        if self._slots.record is not None:
            return cbor.decode(self._slots.record)
        if files.read(self._key_path()) is not None:
            raise self._error("The boot counter (state.a, state.b) is damaged or gone.")
        # The counter is there before the key is: a key without a counter is a loss, not a first start.
        self._slots.write(cbor.encode([0, None, None]))
        return 0, None, None

    def _key(self, bootcount):
        octets = files.read(self._key_path())
        if octets is None:
            if bootcount:
                raise self._error("The key is gone, though the boot counter shows that there was one.")
            key = _new_private_key()
            files.create_private(self._key_path(), files.seal(_MAGIC + key))
            return key
        data = files.unseal(octets)
        if data is None or data[:4] != _MAGIC or not p256.is_private_key(data[4:]):
            raise self._error("The key file is damaged.")
        return data[4:]

    def _key_path(self):
        return self._directory + "/key"

    def _error(self, what):
        return KeystoreError(what + _REMEDY.format(self._directory))


def _make_directory(path):
    try:
        os.mkdir(path)
    except OSError as e:
        if e.errno != 17:  # EEXIST
            raise


def _new_private_key():
    while True:
        key = os.urandom(32)
        if p256.is_private_key(key):
            return key
