"""A logical channel to an application on the SIM, through the modem.

Sources: 3GPP TS 27.007 clauses 8.17 (+CSIM) and 8.43, 8.45, 8.46 (+CGLA, +CCHO, +CCHC); ETSI TS 102 221 clauses 10.1,
10.2 (APDUs, status words), 7.3.1.1.5 (GET RESPONSE) and 11.1.17 (MANAGE CHANNEL).
"""

from binascii import hexlify, unhexlify

from ..at import split_prefix
from .error import SignerError

OK = 0x9000

# A card may take seconds for a signature.
_TIMEOUT_MS = 10000
_CHANNELS = 4
_ANSWER_MAX = 512


class SimChannel:
    """Open inside `async with`, and closed behind it. transport: at.Channel; aid: the application's identifier.

    Opened by +CCHO where the modem has it, else by +CSIM. Every method raises SignerError.
    """

    def __init__(self, transport, aid):
        self.transport = transport
        self._aid = aid
        self._swept = False
        self._close = None

    async def __aenter__(self):
        try:
            if not await self._open_session():
                await self._open_channel()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        close = self._close
        if close:
            self._close = None
            await self._command(close)

    async def apdu(self, instruction, p1, p2, tail, own_class=0):
        """Sends a command to the application: (data, status word), 9000 when it went well.

        tail: Lc and data, or Le alone, as octets. own_class: 0x80 for a command of the proprietary class.
        """
        data, status = await self._exchange(bytes((own_class | self._class, instruction, p1, p2)) + tail)
        while status >> 8 == 0x61 and len(data) < _ANSWER_MAX:
            more, status = await self._exchange(bytes((self._class, 0xC0, 0, 0, status & 255)))
            data += more
            if not more:
                break
        # 91xx: it went well, and the card has a command for the modem.
        return data, OK if status >> 8 == 0x91 else status

    async def _open_session(self):
        dial = 'AT+CCHO="%s"' % _hex(self._aid)
        final, lines = await self._command(dial)
        if final != "OK" and not self._swept:
            # All may be taken: by this device, before it was reset in the middle of something.
            self._swept = True
            for session in range(1, _CHANNELS):
                await self._command("AT+CCHC=%d" % session)
            final, lines = await self._command(dial)
        session = _field(lines, 0)
        if final != "OK" or not session.isdigit():
            return False
        self._close = "AT+CCHC=" + session
        self._start = "AT+CGLA=" + session + ","
        self._class = 0  # the modem sets the channel in it
        return True

    async def _open_channel(self):
        self._start = "AT+CSIM="
        self._class = 0
        data, status = await self.apdu(0x70, 0, 0, b"\x01")
        if status != OK or len(data) != 1:
            raise SignerError("no logical channel to the SIM is free, restart the modem (SIM status %04X)" % status)
        channel = data[0]
        self._close = 'AT+CSIM=10,"007080%02X00"' % channel
        self._class = channel if channel < _CHANNELS else 0x40 | channel - _CHANNELS
        _, status = await self.apdu(0xA4, 4, 0, bytes((len(self._aid),)) + self._aid)
        if status != OK:
            raise SignerError("the SIM has no application %s (SIM status %04X)" % (_hex(self._aid), status))

    async def _exchange(self, apdu):
        data, status = await self._transmit(apdu)
        if status >> 8 == 0x6C and len(apdu) == 5:  # Le was wrong; this one is right
            data, status = await self._transmit(apdu[:4] + bytes((status & 255,)))
        return data, status

    async def _transmit(self, apdu):
        final, lines = await self._command('%s%d,"%s"' % (self._start, 2 * len(apdu), _hex(apdu)))
        if final != "OK":
            raise SignerError("the modem does not reach the SIM: " + (final or "no answer"))
        try:
            answer = unhexlify(_field(lines, -1))
        except ValueError:
            answer = b""
        if len(answer) < 2:
            raise SignerError("the SIM's answer arrived damaged")
        return answer[:-2], answer[-2] << 8 | answer[-1]

    async def _command(self, line):
        return await self.transport.command(line, _TIMEOUT_MS)


def _hex(octets):
    return hexlify(octets).decode().upper()


def _field(lines, index):
    """A field of the reply: "+CCHO: 1" or "1" has one, '+CGLA: 4,"9000"' two."""
    for line in lines:
        prefix, rest = split_prefix(line)
        if prefix in ("", "+CCHO", "+CGLA", "+CSIM"):
            return rest.split(",")[index].strip('" ')
    return ""
