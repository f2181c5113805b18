"""HTTP by Quectel's own stack.

Source: EC2x&EG9x&EG2x-G&EM05 Series HTTP(S) Application Note V1.1, which the BG95's V1.1 agrees with.
"""

from . import quectel
from .native import base64
from .native_http import Http

_RESPONSE_S = 60


class Uplink(Http):
    async def _alive(self):
        return await quectel.context_is_up(self)

    async def _connect(self):
        await quectel.prepare(self)
        # contenttype 1 is text/plain
        for setting in ('"contextid",1', '"sslctxid",5', '"requestheader",0', '"responseheader",1', '"contenttype",1'):
            await self._do("AT+QHTTPCFG=" + setting)

    async def _exchange(self, kind, message):
        text = base64(message)
        url = self._url(kind)
        await self._do("AT+QHTTPURL={},30".format(len(url)), 35000, url)
        post = "AT+QHTTPPOST={},30,{}".format(len(text), _RESPONSE_S)
        said = (await self._do(post, _RESPONSE_S * 1000 + 35000, text, ("+QHTTPPOST:", "0,")))[-1]
        lines = await self._do("AT+QHTTPREAD=30", 35000, good=("+QHTTPREAD:", "0"))
        return self._body(said.split(",")[1], lines[:-1])

    async def _drop(self):
        pass
