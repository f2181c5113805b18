"""MQTT by SIMCom's own stack: client 1 of +CMQTT.

Source: SIM7500_SIM7600_SIM7800 Series MQTT AT Command Manual V1.00, which the A76xx Series agrees with.
"""

from . import simcom
from .native_mqtt import Mqtt

_CONNECT_MS = 120000
_PACKET_MS = 65000  # the shortest time that +CMQTTPUB can be given is 60 s


class CmqttUplink(Mqtt):
    _RECEIVED = "+CMQTTRXEND: 1"

    async def _alive(self):
        return await self._has("AT+CMQTTCONNECT?", '+CMQTTCONNECT:1,"')

    async def _connect(self):
        await simcom.prepare(self)
        await self._try("AT+CMQTTSTART", ("+CMQTTSTART:", "0"))  # refused where another client has started it
        await self._do('AT+CMQTTACCQ=1,"{}",{}'.format(self._user, int(self._tls)))
        if self._tls:
            await self._do("AT+CMQTTSSLCFG=1,9")
        url = "tcp://{}:{}".format(self._host, self._port)
        connect = 'AT+CMQTTCONNECT=1,"{}",{},1,{}'.format(url, self._keep_s + 60, self._login())
        await self._do(connect, _CONNECT_MS, good=("+CMQTTCONNECT: 1,", "0"))
        topic = self._results.encode()
        await self._do("AT+CMQTTSUB=1,{},1".format(len(topic)), _PACKET_MS, topic, ("+CMQTTSUB: 1,", "0"))

    async def _exchange(self, kind, message):
        self._follower = simcom.Follower(self._channel, ("+CMQTTRXTOPIC", "+CMQTTRXPAYLOAD"))
        try:
            return await super()._exchange(kind, message)
        finally:
            self._follower.close()

    async def _publish(self, topic, text):
        for what, octets in (("TOPIC", topic.encode()), ("PAYLOAD", text)):
            await self._do("AT+CMQTT{}=1,{}".format(what, len(octets)), data=octets)
        await self._do("AT+CMQTTPUB=1,1,60", _PACKET_MS, good=("+CMQTTPUB: 1,", "0"))

    async def _answer(self, line, topic):
        lines = self._follower.lines  # topic, payload, topic, payload, ...
        return lines[lines.index(topic) + 1] if topic in lines[:-1] else None

    async def _drop(self):
        if await self._has("AT+CMQTTACCQ?", "+CMQTTACCQ:1,"):
            await self._try("AT+CMQTTDISC=1,60", ("+CMQTTDISC: 1,", ""))
            await self._try("AT+CMQTTREL=1")
            await self._try("AT+CMQTTSTOP", ("+CMQTTSTOP:", ""))  # refused while another client is there
