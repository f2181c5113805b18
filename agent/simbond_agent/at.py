"""AT command channel: ITU-T V.250 and 3GPP TS 27.007 framing, and how modems depart from it.

Parser does no I/O: bytes in; information lines, a final result and unsolicited result codes (URC) out. Channel is the
thin asyncio side over a stream.
"""

import asyncio

# A longer line or reply is dropped whole: half an identity would be a wrong one, and a flood must not fill the heap.
_LINE_MAX = 640
_REPLY_MAX = 4096
_READ = 128
_IDLE_MS = 20  # a stream that answers "nothing" at once is asked again after this
_QUIET_MS = 250  # so long a silence ends a late reply
_SYNC_MS = 1000  # so long a modem that let a time-out pass may take to answer "AT"
_DATA_MS = 300  # so long may data follow an OK that came too early

_MARKS = "+^#%!$*"
_FINAL = ("OK", "ERROR", "COMMAND NOT SUPPORT")
_FINAL_STARTS = ("+CME ERROR", "+CMS ERROR")
# The modem starts anew, or goes down: what it said before belongs to no reply, and what setup() sent is forgotten.
BOOT = ("RDY", "APP RDY", "^SYSSTART", "+SYSSTART", "+MATREADY", "*ATREADY: 1", "NORMAL POWER DOWN", "POWERED DOWN")
# The modem is ready for the data that the command announced: a line of its own, or a mark without an end of line.
_PROMPT_LINES = ("CONNECT", "DOWNLOAD", ">")
_PROMPT_MARKS = (b">", b"@")
_BARE_URC = BOOT + ("RING", "SMS READY", "CALL READY", "PB DONE", "SMS DONE", "NO CARRIER")

try:
    _wait_ms = asyncio.wait_for_ms
except AttributeError:

    def _wait_ms(awaitable, ms):
        return asyncio.wait_for(awaitable, ms / 1000)


def name_of(command):
    """The name that a reply to the command carries: 'AT+QENG="servingcell"' -> "+QENG", "ATI" -> "I", "" -> ""."""
    name = command.strip().upper()
    if name.startswith("AT"):
        name = name[2:]
    for i in range(len(name)):
        if name[i] in "=?;,":
            return name[:i]
    return name


def split_prefix(line):
    """("+CSQ", "17,99") of "+CSQ: 17,99", ("+SIM DROP", "") of a bare code, ("", line) of anything else."""
    if line[:1] not in _MARKS or not line:
        return "", line
    i = line.find(":")
    if i < 0:
        i = len(line)
    return line[:i].upper(), line[i + 1 :].strip()


def _text(raw):
    """A received line as text (Latin-1), without padding and without noise in front of it."""
    start = 0
    while start < len(raw) and not 32 < raw[start] < 127:
        start += 1
    noisy = start and raw[:start].strip(b" \t")
    if noisy and start < len(raw) and 48 <= raw[start] <= 57:
        start -= 1  # it may have eaten digits: left on, it keeps the rest from passing for a number
    end = len(raw.rstrip(b"\0 \t"))
    if start >= end:
        return ""
    if 48 <= raw[end - 1] <= 57 and b"\0" in raw[end:]:
        end = len(raw)  # the same behind a digit
    raw = raw[start:end]
    if max(raw) < 128:
        return str(raw, "utf-8")
    return "".join([chr(b) for b in raw])


class Parser:
    """Sorts what a modem says.

    lines: information lines of the running command; final: its final result ("OK", "ERROR", "+CME ERROR: 10"), None
    until there is one; prompted: whether the modem asks for the data of a command that has some. on_urc(line) gets
    every line that belongs to no command. A line with another command's name goes to both sides while a command runs:
    it may be a URC, or the vendor's own spelling of the reply.
    """

    def __init__(self, on_urc=None):
        self.on_urc = on_urc
        self.lines = []
        self.final = None
        self.prompted = False
        self._command = None
        self._has_data = False
        self._partial = b""
        self._skipping = False
        self._size = 0

    def start(self, command, has_data=False):
        """From here on lines belong to command. has_data: the modem will prompt for data."""
        self.prompted = False
        self._has_data = has_data
        self._command = command.strip().upper()
        self._name = name_of(command)
        self._forget()

    def stop(self):
        """No command is running: all that comes is unsolicited or late."""
        self._command = None

    def feed(self, data):
        """Takes bytes in chunks of any size. Never raises, whatever they are."""
        # CR, LF, CR LF and CR CR LF all end a line; the empty ones in between mean nothing.
        parts = bytes(data).replace(b"\r", b"\n").split(b"\n")
        for i in range(len(parts)):
            if i:
                self._end_line()
            if self._skipping:
                continue
            self._partial += parts[i]
            if len(self._partial) > _LINE_MAX:
                self._partial = b""
                self._skipping = True
        if self._has_data and self._partial.strip() in _PROMPT_MARKS:
            self._partial = b""
            self._prompt()

    def flush(self):
        """Takes what stands without a line end as a line, for a reply that was pasted rather than received."""
        self._end_line()

    def _end_line(self):
        line = _text(self._partial)
        self._partial = b""
        self._skipping = False
        if line:
            self._line(line)

    def _forget(self):
        self.lines = []
        self.final = None
        self._size = 0

    def _prompt(self):
        self.prompted = True
        self._has_data = False

    def _line(self, line):
        upper = line.upper()
        if self._has_data and upper in _PROMPT_LINES:
            self._prompt()
        elif upper in _BARE_URC:
            if upper in BOOT:
                self._forget()
            self._urc(line)
        elif self._is_echo(upper.rstrip(";")):
            pass
        elif upper in _FINAL or upper[:10] in _FINAL_STARTS:
            if self.final is None and self._command is not None:
                self.final = upper if upper in _FINAL else line
        elif self._command is None:
            self._urc(line)
        else:
            self._information(line)

    def _is_echo(self, line):
        if line == self._command:
            self._forget()  # what came before it answers an earlier command
            return True
        return line == "AT" or (line[:2] == "AT" and line[2:3] in _MARKS)

    def _information(self, line):
        prefix = split_prefix(line)[0]
        own = not prefix or prefix == self._name
        if not own or (self.final and self.lines):
            self._urc(line)
        if self.final is None or (own and self._late_data()):
            self._size += len(line)
            if self._size <= _REPLY_MAX:
                self.lines.append(line)

    def _late_data(self):
        # Some NB-IoT modules send OK first and the data after it.
        return self.final == "OK" and not self.lines

    def _urc(self, line):
        if self.on_urc:
            self.on_urc(line)


def _wants_data(command):
    return command.endswith("?") or ("=" not in command and command[2:3] in _MARKS)


class Channel:
    """One AT port, one command at a time.

    reader has `await read(n)` -> bytes (b"" or None: nothing now), writer has `write(bytes)` and `await drain()`: an
    asyncio stream on CPython, asyncio.StreamReader(uart) for both on MicroPython.
    urc: called with every unsolicited line; must return at once. error: the OSError that ended reception, or None.
    """

    def __init__(self, reader, writer, urc=None):
        self.urc = urc
        self.error = None
        self._reader = reader
        self._writer = writer
        self._parser = Parser(self._on_urc)
        self._lock = asyncio.Lock()
        self._received = asyncio.Event()
        self._ended = asyncio.Event()
        self._task = None
        self._unanswered = False
        self._has_data = False
        # Unsolicited lines that somebody waits for: start and, when it came, the line.
        self._until = [None, None]
        self._expected = [None, None]

    def attach(self, reader, writer):
        """Goes on with another stream, as if it were new.

        MicroPython's scheduler may remember a finished task for long, and its channel with it: one is to do for ever.
        """
        self.close()
        self._reader = reader
        self._writer = writer
        self._parser = Parser(self._on_urc)
        self._unanswered = False

    async def command(self, command, timeout_ms=3000, data=None, until=None):
        """Sends command and waits for its final result: (final, lines).

        data: octets that are sent when the modem prompts for them. until: start of the unsolicited line by which the
        modem says, after its OK, how the command went; it is the last of lines.

        final is None, and lines are empty, when not all of this came in time, when the modem is still silent after an
        earlier time-out, or when the stream failed (see error): half a reply is no reply.
        """
        async with self._lock:
            self._receive()
            if self._unanswered and not await self._resynchronise():
                return None, []
            # Stays set when this coroutine is cancelled while the modem is still to answer.
            self._unanswered = True
            self._has_data = data is not None
            final, lines = await self._exchange(command, timeout_ms, data, until)
            self._unanswered = final is None
            return final, lines

    def expect(self, start):
        """Keeps, from now on, the last unsolicited line that begins with start, for expected()."""
        self._expected = [start, None]

    async def expected(self, timeout_ms):
        """The line that is expected, as soon as it is there; None when it does not come in time. Taken only once."""
        slot = self._expected
        try:
            await _wait_ms(self._filled(slot), timeout_ms)
        except asyncio.TimeoutError:
            pass
        line = slot[1]
        slot[1] = None
        return line

    async def _filled(self, slot):
        while slot[1] is None and self._task:
            self._received.clear()
            await self._received.wait()

    async def listen(self):
        """Receives, so that URCs come in between commands, until cancelled or until the stream fails."""
        self._receive()
        try:
            await self._ended.wait()
        finally:
            self.close()

    def close(self):
        """Stops receiving; the next command starts it again. The stream stays open: it is its owner's."""
        if self._task:
            self._task.cancel()
            self._task = None

    def _on_urc(self, line):
        for slot in (self._until, self._expected):
            if slot[0] and line.startswith(slot[0]):
                slot[1] = line
        if self.urc:
            self.urc(line)

    def _receive(self):
        if self._task is None:
            self.error = None
            self._ended.clear()
            self._task = asyncio.create_task(self._run())

    async def _run(self):
        try:
            while True:
                data = await self._reader.read(_READ)
                if data:
                    self._parser.feed(data)
                    self._received.set()
                else:
                    await asyncio.sleep(_IDLE_MS / 1000)
        except OSError as e:
            self.error = e
            self._task = None
        finally:
            self._ended.set()
            self._received.set()

    async def _exchange(self, command, timeout_ms, data=None, until=None):
        parser = self._parser
        parser.start(command, data is not None)
        self._until = [until, None]
        try:
            await _wait_ms(self._answer(command, data), timeout_ms)
            if not self._answered():
                return None, []
            if until and parser.final == "OK":
                return "OK", [line for line in parser.lines if not line.startswith(until)] + [self._completion()]
            if not parser.lines and parser.final == "OK" and _wants_data(command):
                await self._late_data()
            return parser.final, parser.lines
        except asyncio.TimeoutError:
            return None, []
        except OSError as e:
            self.error = e
            return None, []
        finally:
            self._until = [None, None]
            parser.stop()

    async def _answer(self, command, data):
        await self._send(command.encode() + b"\r")
        while not self._answered() and self._task:
            if data is not None and self._parser.prompted:
                await self._send(data)
                data = None
            self._received.clear()
            await self._received.wait()

    def _answered(self):
        final = self._parser.final
        return final is not None and (final != "OK" or not self._until[0] or self._completion() is not None)

    def _completion(self):
        start, found = self._until
        for line in self._parser.lines:  # with the command's own name it passes for its reply
            if line.startswith(start):
                return line
        return found

    async def _send(self, octets):
        self._writer.write(octets)
        await self._writer.drain()

    async def _late_data(self):
        self._received.clear()
        try:
            await _wait_ms(self._received.wait(), _DATA_MS)
            await asyncio.sleep(_IDLE_MS / 1000)
        except asyncio.TimeoutError:
            pass

    async def _resynchronise(self):
        """Waits out the late reply: the modem answers in order, so nothing of it can follow a silence after "AT"."""
        # A prompt that came too late would take "AT" for data: escape ends it (TS 27.005 clause 3.5.1).
        final, _ = await self._exchange("\x1bAT" if self._has_data else "AT", _SYNC_MS)
        if final is None:
            return False
        try:
            await _wait_ms(self._quiet(), _SYNC_MS)
        except asyncio.TimeoutError:
            return False
        return True

    async def _quiet(self):
        try:
            while True:
                self._received.clear()
                await _wait_ms(self._received.wait(), _QUIET_MS)
        except asyncio.TimeoutError:
            pass
