"""The key in a file: whoever reads the flash has it, and the evidence says so (claims.KEY_SOFTWARE)."""

import asyncio
import gc

from .. import claims, cose, p256


class SoftwareSigner:
    protection = claims.KEY_SOFTWARE

    def __init__(self, private_key):
        self._private_key = private_key
        self.public_key = p256.public_key(private_key)
        self.kid = cose.kid(self.public_key)

    async def sign(self, message):
        steps = p256.signing(self._private_key, message)
        # A collection every few KiB would take twice the time of the signature itself.
        threshold = gc.threshold() if hasattr(gc, "threshold") else -1
        if threshold > 0:
            gc.threshold(-1)
        try:
            while True:
                next(steps)
                await asyncio.sleep(0)
        except StopIteration as e:
            return e.value
        finally:
            if threshold > 0:
                gc.threshold(threshold)
