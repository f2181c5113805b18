"""MQTT through a modem's own stack: the exchange that all makes have in common."""

from binascii import hexlify

from . import UplinkError
from .native import Native

_ANSWER_MS = 30000  # from a message that left to the answer


class Mqtt(Native):
    """MQTT 3.1.1 by the module: QoS 1, a clean session, the kid for client identifier. board: also mqtt_user (else the
    kid) and mqtt_password.
    """

    def __init__(self, board, kid):
        super().__init__(board, "mqtt", 1883, 8883)
        self._client = hexlify(kid).decode()
        self._user = getattr(board, "mqtt_user", None) or self._client
        self._password = getattr(board, "mqtt_password", None)
        self._last = None

    def _topic(self, kind):
        return "simbond/1/{}/{}".format(self._client, kind)

    def _login(self):
        """User name, and the password where there is one, as they stand in a command."""
        user = '"{}"'.format(self._user)
        return user + ',"{}"'.format(self._password) if self._password else user

    async def _exchange(self, kind, text):
        self._channel.expect(self._RECEIVED)
        await self._publish(self._topic(kind), text)
        for _ in range(2):
            answer = await self._answer()
            if answer != self._last:  # QoS 1 may deliver the one before again; no two are alike, for their nonces
                self._last = answer
                return answer
        raise UplinkError("no answer from the verifier, only the one before again")

    async def _answer(self):
        line = await self._channel.expected(_ANSWER_MS)
        if line is None:
            raise UplinkError("the broker has the message, but no answer came within {} s".format(_ANSWER_MS // 1000))
        return await self._payload(line)

    async def _payload(self, line):
        parts = line.split('"')  # ...,"<topic>","<payload>"
        return parts[3] if len(parts) > 3 else ""
