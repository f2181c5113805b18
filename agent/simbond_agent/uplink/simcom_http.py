"""HTTP by SIMCom's own stack.

Source: SIM7500_SIM7600 Series AT Command Manual V2.00, chapter on HTTP(S), which the A76xx Series agrees with.
"""

from .. import codes
from . import UplinkError, simcom
from .native import base64
from .native_http import Http

_RESPONSE_MS = 120000


class Uplink(Http):
    def attach(self, modem):
        super().attach(modem)
        if "SIM70" in self._model:
            raise ValueError("HTTP by this module's own stack is not spoken here: set url to modem+mqtts://...")

    async def _alive(self):
        return await simcom.context_is_up(self)

    async def _connect(self):
        await simcom.prepare(self)

    async def _exchange(self, kind, message):
        text = base64(message)
        await self._try("AT+HTTPTERM")
        await self._do("AT+HTTPINIT", 120000)
        for name, value in (("URL", self._url(kind).decode()), ("CONTENT", "text/plain")):
            await self._do('AT+HTTPPARA="{}","{}"'.format(name, value))
        if self._tls:
            await self._do('AT+HTTPPARA="SSLCFG",9')
        await self._do("AT+HTTPDATA={},30".format(len(text)), 35000, text)
        said = (await self._do("AT+HTTPACTION=1", _RESPONSE_MS, good=("+HTTPACTION:", "1,")))[-1]
        status, length = said.split(",")[1:]
        if status >= "600":
            raise UplinkError(codes.MODEM_STACK, "AT+HTTPACTION: " + said)  # the module's own codes
        if status != "200":
            return self._body(status, (await self._channel.command("AT+HTTPHEAD"))[1])
        return self._body(status, [await self._read(length)])

    async def _read(self, length):
        follower = simcom.Follower(self._channel)
        try:
            final, _lines = await self._channel.command("AT+HTTPREAD=0," + length, 10000, None, "+HTTPREAD: 0")
        finally:
            follower.close()
        if final != "OK" or not follower.lines:
            raise UplinkError(codes.MODEM_STACK, "AT+HTTPREAD: {}".format(final or "no answer"))
        return follower.lines[0]

    async def _drop(self):
        await self._try("AT+HTTPTERM")
