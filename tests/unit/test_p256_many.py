"""No wrong signature, ever: ten thousand by CPython, and what MicroPython makes of keys and messages that differ."""

import json
import random
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from simbond_agent import p256
from simbond_tools.micropython import find
from support.es256 import is_signature, public_octets

AGENT = Path(p256.__file__).parents[1]
DEVICE = """
import json, sys
from binascii import hexlify, unhexlify
from simbond_agent import p256
for key, messages in json.load(sys.stdin):
    key = unhexlify(key)
    print(hexlify(p256.public_key(key)).decode())
    for message in messages:
        print(hexlify(p256.sign(key, unhexlify(message))).decode())
"""


def keys(count: int, seed: int) -> list[int]:
    """Private keys with few and with many bits, small and large ones, most of them like any other."""
    rng = random.Random(seed)
    special = [1, p256.N - 1, 1 << rng.randrange(255), (1 << 255) - (1 << rng.randrange(255))]
    return special + [rng.randrange(1, p256.N) for _ in range(count - len(special))]


def test_ten_thousand_signatures_verify():
    rng = random.Random(10_000)
    for d in keys(50, seed=1):
        key = ec.derive_private_key(d, ec.SECP256R1())
        octets = d.to_bytes(32, "big")
        assert p256.public_key(octets) == public_octets(key)
        for _ in range(200):
            message = rng.randbytes(rng.randrange(200))
            assert is_signature(key, p256.sign(octets, message), message)


def test_micropython_makes_the_same_signatures():
    rng = random.Random(300)
    work = [(d.to_bytes(32, "big"), [rng.randbytes(size) for size in range(20)]) for d in keys(15, seed=2)]
    done = subprocess.run(
        [find(), "-c", f"import sys; sys.path.insert(0, {str(AGENT)!r})" + DEVICE],
        input=json.dumps([(key.hex(), [message.hex() for message in messages]) for key, messages in work]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    expected = [
        made.hex()
        for key, messages in work
        for made in (p256.public_key(key), *(p256.sign(key, message) for message in messages))
    ]
    assert done.stdout.split() == expected
