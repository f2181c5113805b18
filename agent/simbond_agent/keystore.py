"""What the device must keep: its private key, its boot counter, and the identity that a verifier last took.

Everything lies in one directory. key: readable by its owner only, never sent anywhere, replaced by a rotation only.
key.next: the key that a rotation is to bring, as long as one goes on. state.a and state.b: written in turn, once a
boot and when another card or IMEI was acknowledged. docs/flash.md says what a power cut leaves of them.
"""

import os

from . import cbor, codes, files, p256

_MAGIC = b"SBK1"
_KEY = "key"
_NEXT = "key.next"
_REMEDY = "{0}/{1}; to go on as a new device, remove {0} and enrol the device again"


class KeystoreError(Exception):
    """A stored key or the counter is damaged or gone, or has no place. code: which (codes.py). The text says where, and
    what to do. Nothing was overwritten.
    """

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Keystore:
    """Opens the directory, makes it and a key in it at the first start, and counts this boot.

    has_key: whether the key is to be here; else something else holds it. bootcount: this boot's number, from 1, never
    used before. private_key: 32 octets, for a signer, or None. iccid, imei, eid: as last given to acknowledge(), or
    None. Raises KeystoreError and OSError.
    """

    def __init__(self, directory, has_key=True):
        self._directory = directory
        try:
            files.make_directory(directory)
        except OSError as e:
            raise KeystoreError(codes.STATE_DIR, "{}: {}; is its parent there?".format(directory, e))
        self._slots = files.Slots(directory + "/state")
        if self._slots.record is None:
            if self._load(_KEY) or self.has_next:
                raise self._error(codes.COUNTER_DAMAGED, "state.*")
            # The counter is there before the key is: a key without a counter is a loss, not a first start.
            self._slots.write(cbor.encode([0]))
        # A record may be shorter: earlier versions wrote no EID.
        bootcount, iccid, imei, eid = (cbor.decode(self._slots.record) + [None] * 3)[:4]
        self.private_key = self._key(bootcount) if has_key else None
        # A torn slot may have been the newer one: its number is skipped, so that none is ever used twice.
        self.bootcount = bootcount + (2 if self._slots.torn else 1)
        self._save(iccid, imei, eid)

    def acknowledge(self, iccid, imei, eid=None):
        """Remembers the identity that a verifier has taken. None leaves what is known; writes only a change.

        An EID is known with its card: another ICCID without one leaves none.
        """
        if iccid in (None, self.iccid):
            eid = eid or self.eid
        identity = (iccid or self.iccid, imei or self.imei, eid)
        if identity != (self.iccid, self.imei, self.eid):
            self._save(*identity)

    @property
    def has_next(self):
        """Whether a rotation goes on: next_key() was called, and adopt_next() not yet."""
        return files.read(self._path(_NEXT)) is not None

    def next_key(self):
        """The private key that is to follow: made at the first call, and the same one until adopt_next().

        On flash before it returns, so that a verifier never takes a key that the device may lose. Raises KeystoreError
        when it is damaged: a verifier may have taken it already, so it is not made anew.
        """
        return self._load(_NEXT) or self._make(_NEXT)

    def adopt_next(self):
        """Makes the next key the key, after a verifier has taken it. The former one is gone."""
        key = self._load(_NEXT)
        files.rename(self._path(_NEXT), self._path(_KEY))
        self.private_key = key

    def _save(self, iccid, imei, eid):
        self._slots.write(cbor.encode([self.bootcount, iccid, imei, eid]))
        self.iccid = iccid
        self.imei = imei
        self.eid = eid

    def _key(self, bootcount):
        key = self._load(_KEY)
        if key:
            return key
        if self.has_next:  # adopt_next() was cut short on FAT, where renaming onto a file removes that file first
            self.adopt_next()
            return self.private_key
        if bootcount:
            raise self._error(codes.KEY_GONE, _KEY)
        return self._make(_KEY)

    def _load(self, name):
        octets = files.read(self._path(name))
        if octets is None:
            return None
        data = files.unseal(octets)
        if data is None or data[:4] != _MAGIC or not p256.is_private_key(data[4:]):
            raise self._error(codes.NEXT_KEY_DAMAGED if name == _NEXT else codes.KEY_DAMAGED, name)
        return data[4:]

    def _make(self, name):
        while True:
            key = os.urandom(32)
            if p256.is_private_key(key):
                files.create_private(self._path(name), files.seal(_MAGIC + key))
                return key

    def _path(self, name):
        return self._directory + "/" + name

    def _error(self, code, name):
        return KeystoreError(code, _REMEDY.format(self._directory, name))
