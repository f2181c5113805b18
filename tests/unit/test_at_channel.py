"""The channel against a modem that is scripted octet by octet, on CPython's asyncio."""

import asyncio

import pytest

from simbond_agent.at import Channel
from simbond_agent.modem import generic, probe
from simbond_agent.modem.base import Modem
from support.idle_clock import run


class Wire:
    """Both ends of a serial line: what is written is answered by script(line) -> bytes, or not at all (None)."""

    def __init__(self, script, chunk=1):
        self.script = script
        self.chunk = chunk
        self.written = []
        self._incoming = bytearray()

    def say(self, octets):
        self._incoming += octets

    async def read(self, n):
        await asyncio.sleep(0)
        n = min(n, self.chunk)
        out, self._incoming[:n] = bytes(self._incoming[:n]), b""
        return out or None  # as machine.UART does

    def write(self, octets):
        line = octets.decode().strip()
        self.written.append(line)
        answer = self.script(line)
        if answer:
            self.say(answer)

    async def drain(self):
        pass


def answering(**replies):
    def script(line):
        return replies.get(line.replace("AT+", "").replace("?", ""), b"\r\nOK\r\n")

    return script


def test_a_command_and_its_reply():
    async def main():
        channel = Channel(*[Wire(answering(CSQ=b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n"))] * 2)
        return await channel.command("AT+CSQ")

    assert run(main()) == ("OK", ["+CSQ: 17,99"])


def test_one_command_at_a_time():
    async def main():
        wire = Wire(lambda line: b"\r\n" + line[2:].encode() + b": 1\r\n\r\nOK\r\n")
        channel = Channel(wire, wire)
        return await asyncio.gather(*[channel.command(f"AT+X{i}") for i in range(5)])

    assert run(main()) == [("OK", [f"+X{i}: 1"]) for i in range(5)]


def test_silence_is_none_and_half_a_reply_is_none():
    async def main():
        wire = Wire(answering(CIMI=b"\r\n001019999900017\r\n"))
        channel = Channel(wire, wire)
        return await channel.command("AT+CIMI", timeout_ms=50)

    assert run(main()) == (None, [])


def test_a_late_reply_never_answers_the_next_command():
    async def main():
        wire = Wire(lambda line: None if line == "AT+CGSN" else b"\r\n001019999900017\r\n\r\nOK\r\n")
        channel = Channel(wire, wire)
        first = await channel.command("AT+CGSN", timeout_ms=50)
        wire.say(b"\r\n359999060001237\r\n\r\nOK\r\n")
        return first, await channel.command("AT+CIMI", timeout_ms=3000), wire.written

    first, second, written = run(main())
    assert first == (None, [])
    assert second == ("OK", ["001019999900017"])
    assert written == ["AT+CGSN", "AT", "AT+CIMI"]


def test_a_modem_that_stays_silent_is_not_asked_further():
    async def main():
        wire = Wire(lambda line: None)
        channel = Channel(wire, wire)
        await channel.command("AT+CGSN", timeout_ms=20)
        return await channel.command("AT+CIMI", timeout_ms=20), wire.written

    assert run(main()) == ((None, []), ["AT+CGSN", "AT"])


def test_a_command_that_was_cancelled_counts_as_unanswered():
    async def main():
        wire = Wire(lambda line: None if line == "AT+CGSN" else b"\r\nOK\r\n")
        channel = Channel(wire, wire)
        task = asyncio.create_task(channel.command("AT+CGSN"))
        await asyncio.sleep(0.02)
        task.cancel()
        await channel.command("AT+CIMI=", timeout_ms=3000)
        return wire.written

    assert run(main()) == ["AT+CGSN", "AT", "AT+CIMI="]


def test_a_uart_that_returns_none_has_nothing_yet():
    class Uart(Wire):
        idle = 0

        async def read(self, n):
            self.idle += 1
            return None if self.idle < 5 else await super().read(n)

    async def main():
        wire = Uart(answering(CSQ=b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n"))
        return await Channel(wire, wire).command("AT+CSQ")

    assert run(main()) == ("OK", ["+CSQ: 17,99"])


def test_banner_and_noise_at_boot_harm_no_reply():
    async def main():
        urcs = []
        wire = Wire(answering(CGSN=b"\r\n359999060001237\r\n\r\nOK\r\n"))
        wire.say(b"\x00\xff\xf8\x80\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n")
        found = Modem(Channel(wire, wire, urcs.append), generic, "generic")
        return await found.ask("AT+CGSN"), urcs

    assert run(main()) == ({"imei": "359999060001237"}, ["RDY", "+CFUN: 1", "+CPIN: READY"])


def test_a_modem_that_has_to_find_the_baud_rate_first_is_found():
    """Nothing, then what another rate makes of a reply, then sense."""
    said = [None, b"\x00\xe6\x86\xfe\x1e", None]

    def script(line):
        if said:
            return said.pop(0)
        return {
            "AT+CGMI": b"\r\nQuectel\r\n\r\nOK\r\n",
            "AT+CGMM": b"\r\nEC25\r\n\r\nOK\r\n",
        }.get(line, b"\r\nOK\r\n")

    async def main():
        wire = Wire(script)
        return await probe(Channel(wire, wire))

    found = run(main())
    assert (found.name, found.model) == ("quectel", "EC25")


def test_ok_before_the_data():
    async def main():
        wire = Wire(answering(CEREG=b"\r\nOK\r\n"))
        channel = Channel(wire, wire)
        task = asyncio.create_task(channel.command("AT+CEREG?"))
        await asyncio.sleep(0.1)
        wire.say(b"\r\n+CEREG: 0,1\r\n")
        return await task

    assert run(main()) == ("OK", ["+CEREG: 0,1"])


def test_urcs_arrive_while_idle_and_while_a_command_runs():
    async def main():
        urcs = []
        wire = Wire(answering(CSQ=b"\r\n+QSIMSTAT: 1,0\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n"))
        channel = Channel(wire, wire, urcs.append)
        listening = asyncio.create_task(channel.listen())
        wire.say(b"\r\n+CPIN: NOT READY\r\n")
        await asyncio.sleep(0.1)
        idle = list(urcs)
        reply = await channel.command("AT+CSQ")
        listening.cancel()
        return idle, urcs, reply

    idle, urcs, reply = run(main())
    assert idle == ["+CPIN: NOT READY"]
    assert urcs == ["+CPIN: NOT READY", "+QSIMSTAT: 1,0"]
    assert "+CSQ: 17,99" in reply[1]


def test_a_reset_in_the_middle_of_a_command_is_no_reply():
    async def main():
        urcs = []
        wire = Wire(answering(CIMI=b"\r\n001019999900017\r\n\0\0\xff\r\nRDY\r\n\r\n+CFUN: 1\r\n"))
        channel = Channel(wire, wire, urcs.append)
        return await channel.command("AT+CIMI", timeout_ms=300), urcs

    assert run(main()) == ((None, []), ["RDY", "+CFUN: 1"])


def test_a_stream_that_breaks_is_told_and_raises_nothing():
    class Broken(Wire):
        async def read(self, n):
            raise OSError(5, "unplugged")

    async def main():
        wire = Broken(lambda line: None)
        channel = Channel(wire, wire)
        reply = await channel.command("AT", timeout_ms=5000)
        return reply, channel.error

    reply, error = run(main())
    assert reply == (None, [])
    assert error.errno == 5


def test_a_stream_that_heals_is_read_again():
    class Flaky(Wire):
        broken = True

        async def read(self, n):
            if self.broken:
                raise OSError(5, "unplugged")
            return await super().read(n)

    async def main():
        wire = Flaky(lambda line: b"\r\nOK\r\n")
        channel = Channel(wire, wire)
        await channel.command("AT", timeout_ms=100)
        wire.broken = False
        return await channel.command("AT", timeout_ms=1000), channel.error

    assert run(main()) == (("OK", []), None)


def test_close_lets_go_of_the_stream():
    async def main():
        urcs = []
        wire = Wire(lambda line: b"\r\nOK\r\n")
        channel = Channel(wire, wire, urcs.append)
        await channel.command("AT")
        channel.close()
        wire.say(b"\r\n+CREG: 1\r\n")
        await asyncio.sleep(0.1)
        return urcs

    assert run(main()) == []


def test_data_goes_out_when_the_modem_prompts_and_what_completes_the_command_comes_last():
    def script(line):
        if line.startswith("AT+QMTPUBEX"):
            return b"\r\n> "
        return b"\r\nOK\r\n\r\n+QMTSTAT: 1,1\r\n\r\n+QMTPUBEX: 0,1,0\r\n" if line == "payload" else b"\r\nOK\r\n"

    async def main():
        wire = Wire(script)
        channel = Channel(wire, wire)
        reply = await channel.command('AT+QMTPUBEX=0,1,1,0,"t",7', 2000, b"payload", "+QMTPUBEX:")
        return reply, wire.written

    reply, written = run(main())
    assert reply == ("OK", ["+QMTPUBEX: 0,1,0"])
    assert written[-1] == "payload"


@pytest.mark.parametrize("prompt", [b"\r\nCONNECT\r\n", b"\r\nDOWNLOAD\r\n", b"\r\n>\r\n", b"\r\n>", b"@"])
def test_every_kind_of_prompt(prompt):
    async def main():
        wire = Wire(lambda line: b"\r\nOK\r\n" if line == "data" else prompt)
        return await Channel(wire, wire).command("AT+X=4", 2000, b"data")

    assert run(main()) == ("OK", [])


def test_a_prompt_is_none_where_no_data_is_due():
    async def main():
        wire = Wire(lambda _line: b"\r\nCONNECT\r\nabc\r\nOK\r\n")
        return await Channel(wire, wire).command("AT+QHTTPREAD=80")

    assert run(main()) == ("OK", ["CONNECT", "abc"])


def test_without_what_completes_it_a_command_has_no_result():
    async def main():
        wire = Wire(lambda _line: b"\r\nOK\r\n")
        channel = Channel(wire, wire)
        missing = await channel.command("AT+QMTOPEN=0", 50, until="+QMTOPEN:")
        wire.script = lambda _line: b"\r\n+CME ERROR: 3\r\n"
        return missing, await channel.command("AT+QMTOPEN=0", 2000, until="+QMTOPEN:")

    missing, refused = run(main())
    assert missing == (None, [])
    assert refused[0] in ("+CME ERROR: 3", None)


def test_an_expected_line_is_kept_until_it_is_asked_for_and_given_once():
    async def main():
        wire = Wire(lambda _line: b'\r\n+QMTRECV: 0,0,"t","old"\r\n+QMTRECV: 0,0,"t","new"\r\n\r\nOK\r\n')
        channel = Channel(wire, wire)
        channel.expect("+QMTRECV:")
        await channel.command("AT")
        first = await channel.expected(1000)
        nothing = await channel.expected(20)
        wire.say(b'\r\n+QMTRECV: 0,0,"t","later"\r\n')
        return first, nothing, await channel.expected(2000)

    assert run(main()) == ('+QMTRECV: 0,0,"t","new"', None, '+QMTRECV: 0,0,"t","later"')


def test_a_prompt_that_came_too_late_swallows_no_later_command():
    class Swallowing(Wire):
        """Prompts late; from then on everything is data, until Ctrl-Z or escape."""

        prompted = False

        def write(self, octets):
            if self.prompted and b"\x1b" not in octets:
                self.written.append("(data)")
                return
            self.prompted = False
            super().write(octets.replace(b"\x1b", b""))

    async def main():
        wire = Swallowing(lambda line: None if "PUB" in line else b"\r\nOK\r\n")
        channel = Channel(wire, wire)
        late = await channel.command('AT+QMTPUB=0,1,1,0,"t"', 50, b"text\x1a")
        wire.prompted = True
        wire.say(b"\r\n> ")
        return late, await channel.command("AT+CSQ", 3000)

    assert run(main()) == ((None, []), ("OK", []))


def test_it_goes_on_with_another_stream_as_if_new():
    async def main():
        silent, second = Wire(lambda _line: None), Wire(answering(CSQ=b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n"))
        channel = Channel(silent, silent)
        lost = await channel.command("AT+CSQ", timeout_ms=50)
        channel.attach(second, second)
        return lost, await channel.command("AT+CSQ"), second.written

    assert run(main()) == ((None, []), ("OK", ["+CSQ: 17,99"]), ["AT+CSQ"])
