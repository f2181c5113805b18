"""Random octets fit for a key, on firmware that has none.

uos.urandom() is the C library's rand() in the published port of QuecPython (moduos.c), seeded if at all with IMEI and
uptime, or is not there: whoever knows the module could compute its key. So randomness comes from outside, once: by a
file that the maker puts on the module. At each boot, before anything is drawn from it, another takes its place, from
which nothing leads back.
"""

seed_path = ""
_state = b""
_drawn = 0


def urandom(n):
    """n random octets. Raises ValueError when there is no seed."""
    global _drawn
    octets = b""
    while len(octets) < n:
        _drawn += 1
        octets += _hash(_pool(), b"draw" + _drawn.to_bytes(8, "big"))
    return octets[:n]


def _pool():
    global _state
    if not _state:
        from .. import files

        seed = files.read(seed_path) or b""
        if len(seed) < 32:
            raise ValueError("put 32 random octets into " + seed_path + ": this firmware has none fit for a key")
        _state = _hash(seed, b"now")
        files.create_private(seed_path, _hash(seed, b"next boot"))
    return _state


def _hash(secret, label):
    from hashlib import sha256

    return sha256(secret + label).digest()
