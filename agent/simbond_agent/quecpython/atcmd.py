"""The Transport over QuecPython's atcmd module, which speaks to the modem that the program itself runs on.

atcmd.sendSync(command, reply, filter, timeout in seconds) returns 0 for OK, and puts what the modem said before it into
reply; else one of HELIOS_AT_RESP_STATUS_ENUM (documented with older releases, helios_atcmd.h), or -1 for bad arguments.
It neither sends data at a prompt nor tells unsolicited lines; a change of the card comes by sim.setCallback.
"""

import _thread

import atcmd

from ..at import Parser
from .loop import in_thread

_REPLY_OCTETS = 1024  # room for the longest reply that the agent asks for; a longer one is dropped
_FINAL = {0: "OK", 1: "ERROR", 2: "+CME ERROR", 3: "+CMS ERROR"}  # others: time-out, system error, bad arguments
_CARD = {1: "+CPIN: READY", 2: "+CPIN: NOT READY"}


class Transport:
    """urc: called with "+CPIN: READY" or "+CPIN: NOT READY" when the firmware reports another card, where its hot-swap
    detection is on (sim.setSimDet); perhaps from another thread.
    """

    def __init__(self, urc=None):
        self.urc = urc
        self._one_at_a_time = _thread.allocate_lock()
        try:
            import sim

            sim.setCallback(self._on_card)
        except (ImportError, AttributeError):
            pass  # there is the poll

    async def command(self, command, timeout_ms=3000, data=None, until=None):
        """As at.Channel.command(). A command with data, or one that an unsolicited line completes, gives "ERROR"."""
        if data is not None or until:
            return "ERROR", []
        reply = bytearray(_REPLY_OCTETS)
        code = await in_thread(self._send, command + "\r\n", reply, (timeout_ms + 999) // 1000)
        return _outcome(command, code, bytes(reply))

    def expect(self, start):
        """No unsolicited line ever comes."""

    async def expected(self, timeout_ms):
        return None

    def close(self):
        self.urc = None

    def _send(self, command, reply, timeout_s):
        with self._one_at_a_time:  # the thread of a command that was given up may still be waiting
            return atcmd.sendSync(command, reply, "", timeout_s)

    def _on_card(self, state):
        if self.urc and state in _CARD:
            self.urc(_CARD[state])


def _outcome(command, code, reply):
    end = reply.find(b"\0")
    if code not in _FINAL or end < 0:
        return None, []
    parser = Parser()
    parser.start(command)
    parser.feed(reply[:end])
    parser.flush()
    return parser.final or _FINAL[code], parser.lines
