"""What an attestation takes on a Cortex-M3 with 64 KiB of heap: the agent under QEMU, an emulated modem on its UART.

Instructions are counted exactly. Milliseconds are estimates: see CYCLES.
"""

import sys

from simbond_tools.emulator import Card, Modem
from simbond_verifier.enrolment import read_enrolment
from simbond_verifier.envelope import open_envelope, verify
from simbond_verifier.p256 import load_key

from .qemu import Board, lacking

# Cycles an instruction: most take one, loads and multiplications two, taken branches up to four (Cortex-M3 Technical
# Reference Manual, 3.3); flash that cannot keep up with the core comes on top.
CYCLES = 1.5
CLOCKS_MHZ = (64, 168, 240)
PARTS = ["quectel", "http", "spool"]
STEP = 1024


def measure() -> dict[str, float]:
    """cortex_m3_*; nothing, and a sentence on stderr, where QEMU or the firmware is not installed."""
    reason = lacking()
    if reason:
        print(f"Cortex-M3 skipped: {reason}", file=sys.stderr)
        return {}
    sign = Board(PARTS, plain=True).run("sign")  # in a squeezed build the signer is no module of its own
    board = Board(PARTS)
    attest = _attest(board, 0)
    if not sign or not attest:
        raise RuntimeError("64 KiB of heap are too little to attest at all")
    # Figures of a wrong signature are worth nothing: this raises when it does not verify.
    point = read_enrolment(bytes.fromhex(attest["enrolment"])).point
    verify(open_envelope(bytes.fromhex(attest["evidence"])), load_key(point))
    figures = {
        "sign_instructions": sign["sign"],
        "sign_slice_instructions": sign["slice"],
        "sign_heap": sign["heap"],
        "attest_instructions": attest["attest"],
        "first_attest_instructions": attest["first"],
        "heap_free": attest["free"],
        "heap_for_application": _application_heap(board, attest["free"]),
    }
    for mhz in CLOCKS_MHZ:
        for what in ("sign", "attest", "first_attest"):
            figures[f"{what}_ms_at_{mhz}_mhz"] = figures[f"{what}_instructions"] * CYCLES / mhz / 1000
    return {f"cortex_m3_{name}": value for name, value in figures.items()}


def _attest(board: Board, application: int) -> dict | None:
    with Modem("quectel-ec25", card=Card(iccid="89860012345678901237", imsi="460001234567890")) as modem:
        return board.run("attest", application, modem=modem.port)


def _application_heap(board: Board, free: int) -> int:
    """The most that an application can hold, in steps of 1 KiB, while the agent attests beside it."""
    fits, too_much = 0, free // STEP + 1
    while too_much - fits > 1:
        middle = (fits + too_much) // 2
        if _attest(board, middle * STEP):
            fits = middle
        else:
            too_much = middle
    return fits * STEP
