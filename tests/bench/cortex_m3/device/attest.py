"""Runs on the emulated board: the agent as it is, from power-on to its second attestation, and what that takes.

Prints one JSON object. Instructions are those executed: sleep, in which a board waits for its modem, is left out.
"""

import asyncio
import gc
import json
import socket

import board
import uctypes
import vfs

FLASH = 0x21800000  # a part of the board's PSRAM, all zeros at start, stands in for a flash chip
BLOCK = 4096
BLOCKS = 16
COLLECT_EVERY = 4096  # as simbond_agent.run() sets it

figures = {}
errors = []


class Flash:
    """A block device: see MicroPython's vfs.AbstractBlockDev."""

    def __init__(self):
        self.octets = memoryview(uctypes.bytearray_at(FLASH, BLOCK * BLOCKS))

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = self.octets[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        self.octets[at : at + len(buffer)] = buffer

    def ioctl(self, request, _):
        return {4: BLOCKS, 5: BLOCK}.get(request, 0)


class Board:
    url = "http://verifier"
    state_dir = "/flash/simbond"
    scenario = 60_000
    sim_poll_s = 0  # nothing but the attestation itself is to be counted

    def at_stream(self):
        return board.modem

    def log(self, line):
        event = json.loads(line)
        if event["event"] == "enrolment":
            figures["enrolment"] = event["request"]
        elif event["event"] == "error":
            errors.append(event["detail"])


def evidence():
    return [request for request in socket.sent if request[0] == b"/v1/evidence"]


async def attest_twice():
    """Instructions executed until the second attestation began."""
    from simbond_agent.agent import Agent

    device = Agent(Board())
    running = asyncio.create_task(device.run())
    await attested(running, 1)
    gc.collect()
    figures["free"] = gc.mem_free()
    await asyncio.sleep(1.1)  # no two in one second
    start = board.instructions()
    device.attest_now()
    await attested(running, 2)
    running.cancel()
    return start


async def attested(running, times):
    while len(evidence()) < times:
        if running.done():
            await running  # raises what ended it
        if errors:
            raise RuntimeError(errors[0])
        await asyncio.sleep(0.01)


def main(application):
    """application: octets of the heap that the maker's application has, in pieces of 256."""
    taken = [bytearray(240) for _ in range(application // 256)]
    flash = Flash()
    vfs.VfsLfs1.mkfs(flash)
    vfs.mount(flash, "/flash")
    gc.threshold(COLLECT_EVERY)
    power_on = board.instructions()
    start = asyncio.run(attest_twice())
    (_, _, first), (_, message, second) = evidence()
    figures["first"] = first - power_on
    figures["attest"] = second - start
    figures["evidence"] = message.hex()
    figures["application"] = len(taken) * 256
    print(json.dumps(figures))
