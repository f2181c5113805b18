"""MQTT by the stack of u-blox SARA-R5, SARA-R422 and LARA-R6.

Sources: SARA-R5 series AT commands manual UBX-19047455; SARA-R4 series UBX-17003787, whose SARA-R410M and SARA-R412M
have an older syntax that is not spoken here. Certificates are validated at level 2: chain and name, not the dates, for
which a module that has not seen the network yet has no clock.
"""

from .. import codes
from . import UplinkError
from .native_mqtt import Mqtt

_ACTIVATION_MS = 150000
_LOGIN_MS = 120000
_PACKET_MS = 60000


class Uplink(Mqtt):
    _RECEIVED = "+UUMQTTC: 6,"

    def attach(self, modem):
        super().attach(modem)
        if self._model[:9] in ("SARA-R410", "SARA-R412"):
            raise ValueError(self._model + " has MQTT commands of an older kind, which are not spoken here")

    async def _alive(self):
        # The module cannot be asked for the state of its session; subscribing once more tells, and does no harm.
        return await self._try(self._subscribe(), ("+UUMQTTC: 4,", "1,1"), _PACKET_MS)

    def _subscribe(self):
        return 'AT+UMQTTC=4,1,"{}"'.format(self._results)

    async def _connect(self):
        await self._activate()
        if self._tls:
            await self._prepare_tls()
        for setting in (
            '0,"{}"'.format(self._user),
            '2,"{}",{}'.format(self._host, self._port),
            '4,"{}","{}"'.format(self._user, self._password or ""),
            "10,{}".format(self._keep_s + 60),
            "11,1,4" if self._tls else "11,0",
            "12,1",
        ):
            await self._do("AT+UMQTT=" + setting)
        if not await self._try("AT+UMQTTC=1", ("+UUMQTTC: 1,", "1"), _LOGIN_MS):
            _final, why = await self._channel.command("AT+UMQTTER")
            raise UplinkError(codes.MODEM_STACK, "AT+UMQTTC=1: " + " ".join(why))
        await self._do(self._subscribe(), _PACKET_MS, good=("+UUMQTTC: 4,", "1,1"))

    async def _activate(self):
        if not self._model.startswith("SARA-R5"):
            if not await self._has("AT+CGACT?", "+CGACT:1,1"):
                await self._define()
                await self._do("AT+CGACT=1,1", _ACTIVATION_MS)
        elif not await self._has("AT+UPSND=0,8", "+UPSND:0,8,1"):
            await self._define()
            for setting in ("100,1", "0,0"):  # PDP context 1, IPv4
                await self._do("AT+UPSD=0," + setting)
            await self._do("AT+UPSDA=0,3", _ACTIVATION_MS, good=("+UUPSDA:", "0"))

    async def _define(self):
        if self._apn:
            await self._do('AT+CGDCONT=1,"IP","{}"'.format(self._apn))

    async def _prepare_tls(self):
        name, pem = self._pem()
        if not await self._has("AT+USECMNG=3", '"CA","{}"'.format(name)):
            await self._do('AT+USECMNG=0,0,"{}",{}'.format(name, len(pem)), 15000, pem)
        host = '"{}"'.format(self._host)
        for setting in ("", ",0,2", ",1,3", ',3,"{}"'.format(name), ",4," + host, ",10," + host):
            await self._do("AT+USECPRF=4" + setting)

    async def _publish(self, topic, text):
        publish = 'AT+UMQTTC=2,1,0,0,"{}","{}"'.format(topic, text.decode())
        await self._do(publish, _PACKET_MS, good=("+UUMQTTC: 2,", "1"))

    async def _answer(self, line, topic):
        text = None
        waiting = line.split(",")[1]
        for _ in range(int(waiting) if waiting.isdigit() else 1):
            # +UMQTTC: 6,<qos>,<size>,<topic size>,"<topic>",<message size>,"<message>"
            text = text or await super()._answer((await self._do("AT+UMQTTC=6,1"))[-1], topic)
        return text

    async def _drop(self):
        await self._try("AT+UMQTTC=0", ("+UUMQTTC: 0,", ""))
