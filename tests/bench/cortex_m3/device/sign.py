"""Runs on the emulated board: what a signature takes where nothing but the signer is loaded."""

import gc
import json

import board

from simbond_agent import p256

KEY = bytes(range(100, 132))
SIGNATURES = 8
BLOCK = 64  # octets of heap that a link of the chain in works_beside takes


def sign(message):
    """(instructions in all, instructions of the longest slice)"""
    gc.collect()
    start = last = board.instructions()
    longest = 0
    for _ in p256.signing(KEY, message):
        now = board.instructions()
        longest = max(longest, now - last)
        last = now
    now = board.instructions()
    return now - start, max(longest, now - last)


def works_beside(blocks):
    taken = None
    try:
        for _ in range(blocks):
            taken = (taken, bytes(31))
        sign(b"")
    except MemoryError:
        return False
    return True


def main():
    taken = [sign(b"%d" % n) for n in range(SIGNATURES)]
    gc.collect()
    free = gc.mem_free()
    fits, too_much = 0, free // BLOCK
    while too_much - fits > 1:
        middle = (fits + too_much) // 2
        gc.collect()
        if works_beside(middle):
            fits = middle
        else:
            too_much = middle
    print(
        json.dumps(
            {
                "sign": sum(total for total, _ in taken) // SIGNATURES,
                "slice": max(longest for _, longest in taken),
                "heap": free - fits * BLOCK,
            }
        )
    )
