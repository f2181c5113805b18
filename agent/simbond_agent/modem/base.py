"""What every dialect shares: from a reply to its meaning, and the order in which a modem is asked."""

from ..at import name_of, split_prefix
from . import generic

_LOCATION = ("rat", "tac", "lac", "cell_id")
_EXTRA = ("imeisv", "imei2", "eid")


def _table(dialect, key):
    own = getattr(dialect, "PARSE", generic.PARSE)
    return own.get(key) or generic.PARSE.get(key)


def parse(dialect, command, lines):
    """What the information lines of a reply say, as a dict of the keys in docs/modems.md. Pure.

    command "": the lines are unsolicited; what two of them say differently is left out.
    """
    if not command:
        return _unsolicited(dialect, lines)
    name = name_of(command)
    if name[:1] == "I":
        name = "I"
    function = _table(dialect, name)
    if function is None:
        return {}
    also = getattr(dialect, "ALSO", {}).get(name, ())
    rows = []
    for line in lines:
        prefix, rest = split_prefix(line)
        # Vendors spell the reply as they like: AT+CICCID is answered by "+ICCID:", AT+ICCID by "+MCCID:".
        if prefix == name or (prefix[-4:] == "CCID" == name[-4:]):
            rows.append(rest)
        elif not prefix or prefix in also:
            rows.append(line)
    return function(command, rows)


def _unsolicited(dialect, lines):
    out = {}
    disputed = []
    for line in lines:
        prefix, rest = split_prefix(line)
        function = _table(dialect, prefix)
        said = function(prefix, [rest]) if function else {}
        for key in said:
            if out.get(key, said[key]) != said[key]:
                disputed.append(key)
            out[key] = said[key]
    for key in disputed:
        out.pop(key, None)
    return out


def interpret(dialect, command, final, lines, model=""):
    """What a whole reply says. An error says nothing but itself ("error") and the state of the SIM ("sim")."""
    said = parse(dialect, command, lines)
    if final is not None and final != "OK":
        out = generic.error(final)
        if "sim" in said:
            out["sim"] = said["sim"]
        return out
    if said.get("rat") == "LTE":
        # <AcT> 7 is E-UTRAN: on a module that knows no LTE but LTE-M and NB-IoT it names no RAT.
        for start in getattr(dialect, "LTE_M", ()):
            if model.upper().startswith(start):
                said.pop("rat", None)
    return said


class Modem:
    """One modem. name: its dialect, model: what +CGMM says, channel: the at.Channel."""

    def __init__(self, channel, dialect, name, model=""):
        self.channel = channel
        self.name = name
        self.model = model
        self._dialect = dialect
        self._card = None
        self._card_extra = {}

    def _of(self, key):
        return getattr(self._dialect, key, getattr(generic, key))

    def parse(self, command, lines):
        """What the lines of a reply to command say; see parse() above."""
        return parse(self._dialect, command, lines)

    async def ask(self, command, timeout_ms=3000):
        """Sends command and returns what the reply says; {} when the modem does not know it or stays silent."""
        final, lines = await self.channel.command(command, timeout_ms)
        return {} if final is None else interpret(self._dialect, command, final, lines, self.model)

    async def setup(self):
        """Echo off, error codes and locations on, card changes announced. What a modem refuses is left as it is."""
        for command in generic.SETUP + self._of("SETUP_MORE"):
            await self.channel.command(command)

    def sim_urc(self, line):
        """"inserted" or "removed" when line announces a change of the card, else None."""
        key = line.replace(" ", "").upper()
        for name in (key, key.split(",")[0]):  # some have more fields behind the state
            found = self._of("SIM_URC").get(name) or generic.SIM_URC.get(name)
            if found:
                return found
        return None

    async def identity(self):
        """Identities of module and card: any of imei, imeisv, imei2 (that of a second slot), sim, iccid, imsi, eid, and
        iccid_mismatch (True).

        Without a card, or one that is not ready yet, nothing is asked about it: some modules answer from memory.
        """
        out = {}
        for command in ("AT+CGSN=1", "AT+CGSN"):
            said = await self.ask(command)
            # Fourteen digits may be fifteen of which the line lost one: it does not lose the same one twice.
            if len(said.get("imei", "")) != 14 or said == await self.ask(command):
                self._take(out, said, ("imei",))
            if out:
                break
        self._take(out, await self.ask("AT+CPIN?", 5000), ("sim",))
        if out.get("sim") in ("absent", "busy"):
            self._card = None
            return out
        if not await self._read_iccid(out):
            del out["iccid"]
            await self._read_iccid(out, True)
        self._take(out, await self.ask("AT+CIMI"), ("imsi",))
        if out.get("iccid") != self._card:
            self._card_extra = {}
            for command in self._of("IDENTITY_MORE"):
                self._take(self._card_extra, await self.ask(command, 5000), _EXTRA)
            self._card = out.get("iccid")
        self._take(out, self._card_extra, _EXTRA)
        if out.get("imei2") == out.get("imei"):
            out.pop("imei2", None)
        return out

    async def _read_iccid(self, out, again=False):
        """Reads it from the module and from the card. False when they differ: the card may just have been changed."""
        told = None
        for command in self._of("ICCID"):
            if told is None:
                told = (await self.ask(command)).get("iccid")
        stored = (await self.ask(generic.EF_ICCID)).get("iccid")
        if told or stored:
            out["iccid"] = told or stored
        # Some leave out the last of 20 digits.
        if not told or not stored or told.startswith(stored) or stored.startswith(told):
            return True
        if again:
            out["iccid_mismatch"] = True
        return False

    async def cell(self):
        """The serving cell: any of rat, plmn, tac, lac, cell_id, rsrp_dbm, rssi_dbm, rsrq_db, reg, operator."""
        out = {}
        for command in self._of("CELL"):
            self._merge(out, await self.ask(command))
        for command in generic.REGISTRATION:
            said = await self.ask(command)
            if said.get("reg") in ("home", "roaming"):
                out["reg"] = said["reg"]
                self._merge(out, said)
                break
            self._merge(out, {"reg": said["reg"]} if "reg" in said else {})
        if "plmn" not in out:
            self._merge(out, await self.ask("AT+COPS?"))
        for command in ("AT+CESQ", "AT+CSQ"):
            if "rsrp_dbm" not in out and "rssi_dbm" not in out:
                self._merge(out, await self.ask(command))
        return _plausible(out)

    async def time(self):
        """Seconds since 1970-01-01 UTC as the network has told the module; None when that is not certain, or when the
        board carries no network_time.py.
        """
        clock = self._of("CLOCK")
        try:
            from .network_time import read
        except ImportError:
            return None
        return await read(self.channel, *clock) if clock else None

    @staticmethod
    def _take(out, said, keys):
        for key in keys:
            if key in said:
                out[key] = said[key]

    @staticmethod
    def _merge(out, said):
        # The first to name the cell names all of it: answers of different moments may be of different cells.
        located = "cell_id" in out
        for key in said:
            if key not in out and key not in ("error", "sim", "imsi") and not (located and key in _LOCATION):
                out[key] = said[key]


def _plausible(cell):
    """Drops what does not fit the RAT: only NR has a TAC of 24 bits and a cell identity of 36."""
    if cell.get("rat") != "NR":
        for key in ("tac", "lac"):
            if cell.get(key, 0) > 0xFFFF:
                del cell[key]
        if cell.get("cell_id", 0) > 0xFFFFFFF:
            del cell["cell_id"]
    return cell
