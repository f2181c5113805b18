"""What SIMCom's MQTT and HTTP stacks stand on: PDP context 1, TLS context 9, and how they hand over data.

Source: SIM7500_SIM7600 Series AT Command Manual V2.00, chapters on packet domain and SSL, which A76xx Series V1.09
agrees with. The stack verifies the chain (authmode 1) and compares no names.
"""

_TLS = ('"sslversion",9,4', '"authmode",9,1', '"ignorelocaltime",9,1')
_ACTIVATION_MS = 60000


async def context_is_up(link):
    return await link._has("AT+CGACT?", "+CGACT:1,1")


async def prepare(link):
    """Activates the context and, for TLS, has the CA in the module. Raises UplinkError."""
    if not await context_is_up(link):
        if link._apn:
            await link._do('AT+CGDCONT=1,"IP","{}"'.format(link._apn))
        await link._do("AT+CGACT=1,1", _ACTIVATION_MS)
    if not link._tls:
        return
    link._require_own_ca()
    name, pem = link._pem()
    if not await link._has("AT+CCERTLIST", '+CCERTLIST:"{}"'.format(name)):
        await link._do('AT+CCERTDOWN="{}",{}'.format(name, len(pem)), 15000, pem)
    for setting in ('"cacert",9,"{}"'.format(name),) + _TLS:
        await link._do("AT+CSSLCFG=" + setting)
    await link._try('AT+CSSLCFG="enableSNI",9,1')  # of newer firmware


class Follower:
    """While it listens on channel: lines, of data, each behind an unsolicited line that begins with one of starts."""

    def __init__(self, channel, starts=("",)):
        self.lines = []
        self._starts = starts
        self._before = ""
        self._channel = channel
        self._urc = channel.urc
        channel.urc = self._on_urc

    def close(self):
        self._channel.urc = self._urc

    def _on_urc(self, line):
        if line[0] != "+" and any(self._before.startswith(start) for start in self._starts):
            self.lines.append(line)
        self._before = line
        if self._urc:
            self._urc(line)
