"""The ATECC608 signer against a chip that follows the data sheet, octet by octet, and against faults on its wire."""

import asyncio
import os
import subprocess
import time
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simbond_agent import claims, cose
from simbond_agent.signer import atecc
from simbond_agent.signer.error import SignerError
from simbond_tools.micropython import find
from support.atecc import NAK, WATCHDOG_S, Atecc, Clock, group
from support.damage import with_bit_flipped
from support.es256 import is_signature, public_octets

AGENT = Path(__file__).parents[2] / "agent"
MESSAGE = b"what the device says"
INFO, READ, RANDOM, NONCE, GENKEY, SIGN = 0x30, 0x02, 0x1B, 0x16, 0x40, 0x41


class Board:
    """A signer and its chip on a clock that stands still while nobody waits."""

    def __init__(self, slot=0, address=0x60, **chip):
        self.clock = Clock()
        self.chip = Atecc(lambda: self.clock.now, self.clock.spend, slot=chip.pop("key_slot", slot), **chip)
        self.signer = atecc.AteccSigner(self.chip, address, slot)

    def run(self, *coroutines):
        async def together():
            return await asyncio.gather(*coroutines)

        with patch.object(atecc, "asyncio", self.clock.as_asyncio()):
            return asyncio.run(together())

    def open(self):
        self.run(self.signer.open())
        return self.signer

    def sign(self, message=MESSAGE):
        return self.run(self.signer.sign(message))[0]

    def refusal(self):
        with pytest.raises(SignerError) as refused:
            self.open()
        return str(refused.value)


def test_the_key_is_the_chips():
    board = Board(slot=2)
    signer = board.open()
    assert signer.public_key == public_octets(board.chip.key)
    assert signer.kid == cose.kid(signer.public_key)
    assert signer.protection == claims.KEY_SECURE_ELEMENT


@given(st.binary(max_size=300))
@settings(max_examples=30)
def test_signatures_verify(message):
    board = Board()
    assert is_signature(board.chip.key, board.sign(message), message)


def test_the_chip_sleeps_between_signatures_and_keeps_no_digest():
    board = Board()
    first, second = board.sign(b"one"), board.sign(b"two")
    assert is_signature(board.chip.key, first, b"one")
    assert is_signature(board.chip.key, second, b"two")
    assert not board.chip.is_awake()
    assert board.chip.executed == [RANDOM, NONCE, SIGN] * 2


def test_two_at_once_get_each_their_own():
    board = Board()
    signatures = board.run(*(board.signer.sign(b"%d" % i) for i in range(4)))
    assert [is_signature(board.chip.key, s, b"%d" % i) for i, s in enumerate(signatures)] == [True] * 4


def test_the_loop_is_never_held_for_50_ms():
    board = Board(slowness=4)
    board.open()
    board.sign()
    assert 0 < board.clock.longest < 0.05


@pytest.mark.parametrize("slowness", [0.1, 2, 5])
def test_execution_may_take_its_time(slowness):
    board = Board(slowness=slowness)
    board.open()
    assert is_signature(board.chip.key, board.sign(), MESSAGE)


def test_a_chip_that_was_left_awake_is_put_to_sleep_first():
    board = Board()
    board.chip.wake()
    board.clock.now += 0.1
    board.chip.writeto(0x60, b"\x03" + group(bytes((RANDOM, 0, 0, 0))))
    assert is_signature(board.chip.key, board.sign(), MESSAGE)


@pytest.mark.parametrize(
    ("chip", "said"),
    [
        ({"address": 0x60, "frequency": 400_000}, "100 kHz"),
        ({"locks": b"\x55\x00"}, "not locked"),
        ({"locks": b"\x00\x55"}, "not locked"),
        ({"revision": b"\x00\x02\x00\x09"}, "00020009"),
        ({"key_slot": 3}, "no P-256 key"),
    ],
)
def test_what_is_wrong_with_the_chip_is_said(chip, said):
    assert said in Board(**chip).refusal()


def test_nobody_at_the_address():
    board = Board()
    board.signer = atecc.AteccSigner(board.chip, address=0x35)
    assert "0x35: no answer" in board.refusal()


@pytest.mark.parametrize("opcode", [RANDOM, NONCE, SIGN])
@pytest.mark.parametrize("status", [0x01, 0x03, 0x05, 0x07, 0x08, 0x0F, 0x11, 0xEE, 0xFF])
def test_an_error_status_is_tried_again_and_then_told(opcode, status):
    board = Board()
    board.chip.statuses[opcode] = [status] * 2
    assert is_signature(board.chip.key, board.sign(), MESSAGE)
    board.chip.statuses[opcode] = [status] * 9
    with pytest.raises(SignerError, match=f"status {status}$"):
        board.sign()
    assert not board.chip.is_awake()


def transfers_of_a_signature():
    """The octets of every transfer that one signature takes."""
    seen = []

    def listen(_, octets):
        seen.append(octets)
        return octets

    board = Board()
    board.chip.wire = listen
    board.sign()
    return seen


@pytest.mark.parametrize(("number", "octets"), list(enumerate(map(len, transfers_of_a_signature()), 1)))
def test_any_flipped_bit_is_found(number, octets):
    board = Board()
    for bit in range(8 * octets):
        board.chip.transfers = 0
        board.chip.wire = lambda n, octets, bit=bit: with_bit_flipped(octets, bit) if n == number else octets
        assert is_signature(board.chip.key, board.sign(), MESSAGE), bit


FAULTS = st.dictionaries(
    st.integers(1, 40),
    st.one_of(
        st.sampled_from(["nak", "ones", "sleep", "cut"]),
        st.integers(0, 8 * 70 - 1),
    ),
    max_size=20,
)


@given(FAULTS)
@settings(max_examples=300)
def test_whatever_goes_wrong_there_is_a_true_signature_or_an_error(faults):
    board = Board()

    def wire(number, octets):
        fault = faults.get(number)
        match fault:
            case None:
                return octets
            case "nak":
                raise NAK
            case "ones":
                return b"\xff" * len(octets)
            case "sleep":  # a brown-out
                board.clock.now += WATCHDOG_S + 1
                board.chip.is_awake()
                raise NAK
            case "cut":
                return octets[: len(octets) // 2].ljust(len(octets), b"\xff")
        return with_bit_flipped(octets, fault % (8 * len(octets)))

    board.chip.wire = wire
    try:
        signature = board.sign()
    except SignerError as e:
        assert len(faults) >= 4  # as many attempts are made
        assert str(e).startswith("secure element at 0x60: ")  # noqa: PT017
    else:
        assert is_signature(board.chip.key, signature, MESSAGE)


DEVICE = """
import asyncio, sys
from simbond_agent.signer.atecc import AteccSigner

class I2C:
    def ask(self, *words):
        print(*words)
        answer = sys.stdin.readline().strip()
        if answer == "NAK":
            raise OSError(19)
        return bytes.fromhex(answer)

    def writeto(self, address, octets):
        self.ask("write", address, octets.hex())

    def readfrom_into(self, address, buffer):
        buffer[:] = self.ask("read", address, len(buffer))

async def main():
    signer = AteccSigner(I2C())
    await signer.open()
    print("signed", (await signer.sign(b"from MicroPython")).hex(), signer.public_key.hex())

asyncio.run(main())
"""


def test_under_micropython():
    chip = Atecc(time.monotonic)
    device = subprocess.Popen(
        [find(), "-X", "heapsize=64k", "-c", DEVICE],
        env={**os.environ, "MICROPYPATH": f"{AGENT}:.frozen"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with device:
        for line in device.stdout:
            match line.split():
                case ["write", address, octets]:
                    answer = answered(lambda a=address, o=octets: chip.writeto(int(a), bytes.fromhex(o)) and b"")
                case ["read", address, size]:
                    answer = answered(lambda a=address, n=size: read(chip, int(a), int(n)))
                case ["signed", signature, public_key]:
                    break
                case _:
                    pytest.fail(line)
            device.stdin.write(answer + "\n")
        device.stdin.close()
    assert is_signature(chip.key, bytes.fromhex(signature), b"from MicroPython")
    assert bytes.fromhex(public_key) == public_octets(chip.key)


def read(chip, address, size):
    buffer = bytearray(size)
    chip.readfrom_into(address, buffer)
    return buffer


def answered(transfer):
    try:
        return transfer().hex()
    except OSError:
        return "NAK"
