"""MQTT 3.1.1 through a modem's own stack: the exchange that all makes have in common. Topics as in mqtt.py."""

from binascii import hexlify

from .. import codes
from . import Answer, UplinkError
from .native import Native, base64

_ANSWER_MS = 30000  # from a message that left to the answer
_KEEP_S = 300


class Mqtt(Native):
    """QoS 1, a clean session. board: also mqtt_user, mqtt_password and mqtt_keep_s, as in mqtt.py.

    A make adds _RECEIVED, the start of the line that announces a message, _publish(topic, text), and its own _answer
    where that line is not ...,"<topic>",...,"<payload>".
    """

    def __init__(self, board, kid):
        super().__init__(board, "mqtt", 1883, 8883)
        self._named = hasattr(board, "mqtt_user")
        self._user = board.mqtt_user if self._named else hexlify(kid).decode()
        self._password = getattr(board, "mqtt_password", None)
        self._keep_s = getattr(board, "mqtt_keep_s", _KEEP_S)
        self._topic = "simbond/1/" + self._user + "/"
        self._results = self._topic + "result/#"

    def _login(self):
        """User name, and the password where there is one, as they stand in a command."""
        user = '"{}"'.format(self._user)
        return user + ',"{}"'.format(self._password) if self._password else user

    async def send(self, kind, message):
        if kind == "rotation" and self._password and not self._named:
            raise UplinkError(codes.MQTT_USER, "set mqtt_user to " + self._user)
        keep = False
        octets = await super().send(kind, message)
        try:
            answer = Answer(octets)
            keep = kind == "challenge" or answer.again or answer.interval_s <= self._keep_s
        except ValueError:
            pass  # the caller's to complain about
        if not keep:
            await self.close()
        return octets

    async def _exchange(self, kind, message):
        # The last level comes back with the answer, which is thereby none to an earlier message.
        tag = "/" + hexlify(message[-2:]).decode()
        self._channel.expect(self._RECEIVED)
        await self._publish(self._topic + kind + tag, base64(message))
        for _ in range(3):
            line = await self._channel.expected(_ANSWER_MS)
            text = line and await self._answer(line, self._topic + "result" + tag)
            if text or line is None:
                break
        if not text:
            late = "the broker has it, but no answer came within {} s".format(_ANSWER_MS // 1000)
            raise UplinkError(codes.NO_ANSWER, late)
        return text

    async def _answer(self, line, topic):
        """The payload of the message that line announces; None when its topic is another."""
        parts = line.split('"')
        return parts[3] if len(parts) > 3 and parts[1] == topic else None
