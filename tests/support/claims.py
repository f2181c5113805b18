"""What the settling is handed, and its answer."""

import asyncio

from simbond_verifier.envelope import open_envelope
from simbond_verifier.ingest.result import Result
from simbond_verifier.ingest.settling import Claim, Key, Settling
from simbond_verifier.p256 import load_key

from .attester import Attester
from .damage import flipped

DEVICE = Attester()


def claim(good: bool = True) -> Claim:
    """Of one device's next Evidence; not good: its signature is not."""
    message = DEVICE.evidence(bytes(8))
    if not good:
        message = flipped(message)
    return Claim(open_envelope(message), Key(DEVICE.point, load_key(DEVICE.point)), message, 1.0)


async def tell(settling: Settling, claims: list[Claim]) -> list[Result]:
    """The results. Raises what was delivered instead."""
    future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()

    def deliver(outcome: list[Result] | Exception) -> None:
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    settling.submit(claims, deliver)
    return await future
