"""The key in a file: whoever reads the flash has it, and the evidence says so (claims.KEY_SOFTWARE)."""

import asyncio

from .. import claims, cose, p256


class SoftwareSigner:
    protection = claims.KEY_SOFTWARE

    def __init__(self, private_key):
        self._private_key = private_key
        self.public_key = p256.public_key(private_key)
        self.kid = cose.kid(self.public_key)

    async def sign(self, message):
        steps = p256.signing(self._private_key, message)
        while True:
            try:
                next(steps)
            except StopIteration as e:
                return e.value
            await asyncio.sleep(0)
