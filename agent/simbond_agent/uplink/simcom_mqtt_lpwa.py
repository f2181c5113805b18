"""MQTT by the stack of SIMCom's LPWA modules: SIM7000, SIM7070, SIM7080, SIM7090.

Sources: SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05 and MQTT(S) Application Note V1.02; SIM7000 Series AT
Command Manual V1.06, whose +CNACT differs. Given a list of CAs the stack verifies the chain; it compares no names.
"""

from .native_mqtt import Mqtt

_ACTIVATION_MS = 60000
_CONNECT_MS = 120000
_PACKET_MS = 60000


class SmUplink(Mqtt):
    _RECEIVED = "+SMSUB: "

    async def _alive(self):
        return await self._has("AT+SMSTATE?", "+SMSTATE:1")

    async def _connect(self):
        await self._activate()
        await self._do("AT+SMSSL=" + (await self._prepare_tls() if self._tls else "0"))
        for setting in (
            '"URL","{}",{}'.format(self._host, self._port),
            '"CLIENTID","{}"'.format(self._user),
            '"USERNAME","{}"'.format(self._user),
            '"PASSWORD","{}"'.format(self._password or ""),
            '"KEEPTIME",{}'.format(self._keep_s + 60),
            '"CLEANSS",1',
        ):
            await self._do("AT+SMCONF=" + setting)
        await self._do("AT+SMCONN", _CONNECT_MS)
        await self._do('AT+SMSUB="{}",1'.format(self._results), _PACKET_MS)

    async def _activate(self):
        apn = self._apn or ""
        if "SIM7000" in self._model:
            if not await self._has("AT+CNACT?", "+CNACT:1"):
                await self._do('AT+CNACT=1,"{}"'.format(apn), _ACTIVATION_MS, good=("+APP PDP:", "ACTIVE"))
        elif not await self._has("AT+CNACT?", "+CNACT:0,1"):
            await self._do('AT+CNCFG=0,1,"{}"'.format(apn))
            await self._do("AT+CNACT=0,1", _ACTIVATION_MS, good=("+APP PDP:", "0,ACTIVE"))

    async def _prepare_tls(self):
        self._require_own_ca()
        name, pem = self._pem()
        await self._do("AT+CFSINIT")
        try:
            if not await self._has('AT+CFSGFIS=3,"{}"'.format(name), "+CFSGFIS:{}".format(len(pem))):
                await self._do('AT+CFSWFILE=3,"{}",0,{},10000'.format(name, len(pem)), 15000, pem)
        finally:
            await self._try("AT+CFSTERM")
        sni = '"sni",0,"{}"'.format(self._host)
        for setting in ('"convert",2,"{}"'.format(name), '"sslversion",0,3', '"ignorertctime",0,1', sni):
            await self._do("AT+CSSLCFG=" + setting)
        return '1,"{}",""'.format(name)  # 1 is TLS context 0

    async def _publish(self, topic, text):
        await self._do('AT+SMPUB="{}",{},1,0'.format(topic, len(text)), _PACKET_MS, text)

    async def _drop(self):
        await self._try("AT+SMDISC")
