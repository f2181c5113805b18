"""MQTT by Quectel's own stack, as client 5.

Sources: EC2x&EG2x&EG9x&EM05 Series MQTT Application Note V1.3, BG95&BG77&BG600L Series MQTT Application Note V1.1. Of
the two ways to publish this takes the one that every version has: text, ended by Ctrl-Z.
"""

from . import quectel
from .native_mqtt import Mqtt

_OPEN_MS = 90000
_PACKET_MS = 40000  # pkt_timeout 5 s with 3 retries is the module's own bound


class Uplink(Mqtt):
    _RECEIVED = "+QMTRECV: 5,"

    async def _alive(self):
        return await self._has("AT+QMTCONN?", "+QMTCONN:5,3")

    async def _connect(self):
        await quectel.prepare(self)
        ssl = ",1,5" if self._tls else ",0"
        keep = '"keepalive",5,{}'.format(self._keep_s + 60)
        for setting in ('"version",5,4', '"pdpcid",5,1', '"session",5,1', keep, '"ssl",5' + ssl):
            await self._do("AT+QMTCFG=" + setting)
        await self._try('AT+QMTCFG="recv/mode",5,0,0')  # the only mode of older firmware
        await self._do('AT+QMTOPEN=5,"{}",{}'.format(self._host, self._port), _OPEN_MS, good=("+QMTOPEN: 5,", "0"))
        login = 'AT+QMTCONN=5,"{}",{}'.format(self._user, self._login())
        await self._do(login, _PACKET_MS, good=("+QMTCONN: 5,", "0,0"))
        await self._do('AT+QMTSUB=5,1,"{}",1'.format(self._results), _PACKET_MS, good=("+QMTSUB: 5,1,", "0,1"))

    async def _publish(self, topic, text):
        await self._do('AT+QMTPUB=5,2,1,0,"{}"'.format(topic), _PACKET_MS, text + b"\x1a", ("+QMTPUB: 5,2,", "0"))

    async def _drop(self):
        if await self._has("AT+QMTOPEN?", "+QMTOPEN:5"):
            await self._try("AT+QMTDISC=5", ("+QMTDISC: 5,", ""))
            await self._try("AT+QMTCLOSE=5", ("+QMTCLOSE: 5,", ""))
