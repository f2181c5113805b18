"""The loop: read the modem, attest, wait for the next time or for another card."""

import asyncio
import gc
import sys

from . import claims
from .at import Channel
from .backoff import Backoff
from .clock import Uptime
from .evidence import binding, enrolment, evidence
from .keystore import Keystore, KeystoreError
from .modem import probe
from .signer.software import SoftwareSigner
from .status import Reporter, masked
from .uplink import UplinkError
from .uplink.http import HttpUplink

_MIN_INTERVAL_S = 5
_MAX_INTERVAL_S = 7 * 24 * 3600
# So many answers in a row may ask for the next Evidence at once; then the agent backs off.
_AT_ONCE_MAX = 4
# A card that was just inserted, or a modem that was just started, may take so long to read it.
_SIM_READY_S = 20
_POLL_S = 5
_HURRY_S = 1


class ModemError(Exception):
    """The modem is silent, or its port failed."""


class Agent:
    """One device's Attester. board: a module or object as agent/README.md describes.

    status: the last event of each kind but the enrolment request, a dict of dicts by event name.
    """

    def __init__(self, board):
        for name in ("at_stream", "url", "state_dir", "scenario"):
            if not hasattr(board, name):
                raise ValueError("the board file lacks " + name)
        self._board = board
        self._report = Reporter(getattr(board, "log", print))
        self.status = self._report.last
        self._uptime = Uptime()
        self._poll_s = getattr(board, "sim_poll_s", _POLL_S)
        self._wake = asyncio.Event()
        self._asked = False
        self._hurry_until = 0
        self._stream = None
        self._channel = None
        self._modem = None
        self._enrolled = False
        self._claimed = {}
        self._claimed_at = -1
        self._nonce = None
        self._at_once = 0

    def attest_now(self):
        """Asks for an attestation now, as far as the verifier's Retry-After allows."""
        self._asked = True
        self._wake.set()

    async def run(self):
        """Attests until cancelled.

        Raises KeystoreError when the stored key or counter is damaged, ValueError or OSError when the board is set up
        wrongly. What fails later is reported and tried again.
        """
        watchdog = getattr(self._board, "watchdog", None)
        feeder = asyncio.create_task(_feed(watchdog)) if watchdog else None
        try:
            self._start()
            await self._attest_for_ever()
        finally:
            if feeder:
                feeder.cancel()
            self._close_modem()

    def _start(self):
        board = self._board
        self._uplink = HttpUplink(board.url, getattr(board, "ca", None))
        self._keystore = Keystore(board.state_dir)
        self._signer = SoftwareSigner(self._keystore.private_key)
        gc.collect()
        self._report.event("start", kid=self._signer.kid.hex(), bootcount=self._keystore.bootcount)

    async def _attest_for_ever(self):
        backoff = Backoff()
        while True:
            hold = 0
            try:
                if self._modem is None:
                    await self._open_modem()
                why = "interval"
                delay = self._delay(await self._attest(), backoff)
            except Exception as e:
                why = "uplink" if isinstance(e, UplinkError) else "modem" if isinstance(e, ModemError) else "internal"
                self._report.event("error", what=why, detail=str(e) or type(e).__name__)
                if why == "uplink":
                    hold = min(e.retry_after, _MAX_INTERVAL_S)
                else:
                    self._close_modem()  # it may have been reset: it is set up anew
                delay = backoff.next(hold)
            if delay:
                self._report.event("waiting", why=why, seconds=int(delay))
                await self._wait(delay, hold)

    async def _attest(self):
        """Reads, signs, delivers; returns the Answer."""
        nonce = self._nonce or (await self._uplink.challenge(self._signer.kid)).nonce
        self._nonce = None  # never claimed twice, whatever becomes of this Evidence
        self._asked = False
        identity = await self._settled_identity()
        bond = await self._binding(identity)
        while self._uptime.seconds() <= self._claimed_at:  # noqa: ASYNC110 - a clock sets no Event
            await asyncio.sleep(0.1)
        self._claimed_at = self._uptime.seconds()
        self._claimed = identity
        message = evidence(self._signer, bond, nonce, self._keystore.bootcount, self._claimed_at)
        answer = await self._uplink.attest(message)
        self._nonce = answer.nonce
        if answer.appraised:
            self._keystore.acknowledge(identity.get("iccid"), identity.get("imei"))
        self._report.event(
            "attested",
            tier=answer.tier,
            reasons=answer.reasons,
            interval_s=answer.interval_s,
            uptime=self._claimed_at,
            octets=len(message),
            iccid=masked(identity.get("iccid")),
            flags=bond[claims.STATUS],
        )
        return answer

    def _delay(self, answer, backoff):
        """Seconds until the next Evidence: 0 at once, else within bounds."""
        if not answer.again:
            self._at_once = 0
            backoff.reset()
            return min(max(answer.interval_s, _MIN_INTERVAL_S), _MAX_INTERVAL_S)
        if self._at_once == _AT_ONCE_MAX:
            return backoff.next()
        self._at_once += 1
        return 0

    async def _binding(self, identity):
        cell = await self._modem.cell()
        status = self._signer.protection | self._flags(identity)
        try:
            return binding(identity, cell, self._board.scenario, status)
        except ValueError as e:
            self._report.event("error", what="cell", detail=str(e))
            return binding(identity, None, self._board.scenario, status)

    def _flags(self, identity):
        flags = 0
        if _differ(identity, "iccid", self._keystore.iccid):
            flags |= claims.SIM_CHANGED
        if _differ(identity, "imei", self._keystore.imei):
            flags |= claims.IMEI_CHANGED
        if identity.get("sim") == "absent":
            flags |= claims.TRAY_EMPTY
        if identity.get("iccid_mismatch"):
            flags |= claims.ICCID_MISMATCH
        tamper = getattr(self._board, "tamper", None)
        if tamper and tamper():
            flags |= claims.TAMPER
        return flags

    async def _open_modem(self):
        try:
            self._stream = self._board.at_stream()
            port = asyncio.StreamReader(self._stream)
            self._channel = Channel(port, port, self._on_urc)
            modem = await probe(self._channel)
        except OSError as e:
            raise ModemError(str(e))
        await modem.setup()
        self._modem = modem
        gc.collect()  # what stays for good is to lie together
        if not self._enrolled:
            bond = await self._binding(await self._settled_identity())
            request = enrolment(self._signer, bond).hex()
            self._report.line("enrolment", {"kid": self._signer.kid.hex(), "request": request})
            self._enrolled = True

    def _close_modem(self):
        self._modem = None
        if self._channel:
            self._channel.close()
            self._channel = None
        if self._stream:
            if hasattr(self._stream, "close"):  # a UART has none
                self._stream.close()
            self._stream = None

    async def _settled_identity(self):
        """The identity, once the modem has read the card or will not."""
        end = self._uptime.seconds() + _SIM_READY_S
        while True:
            identity = await self._identity()
            if identity.get("sim") != "busy" or self._uptime.seconds() >= end:
                return identity
            await asyncio.sleep(_HURRY_S)

    async def _identity(self):
        identity = await self._modem.identity()
        if not identity:
            raise ModemError("the modem does not answer")
        return identity

    async def _wait(self, seconds, hold):
        """Waits. hold seconds at the least; then until seconds are over, another card is there, or somebody asks."""
        start = self._uptime.seconds()
        while True:
            waited = self._uptime.seconds() - start
            if waited >= seconds or (self._asked and waited >= hold):
                return
            poll = _HURRY_S if start + waited < self._hurry_until else self._poll_s
            await self._sleep(min(poll, seconds - waited))
            if waited >= hold and await self._card_moved():
                return

    async def _sleep(self, seconds):
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except asyncio.TimeoutError:
            pass
        self._wake.clear()

    async def _card_moved(self):
        """Whether the modem reports another card, tray or IMEI than the last Evidence did."""
        try:
            if self._modem is None:
                await self._open_modem()
            identity = await self._identity()
        except (ModemError, MemoryError):
            self._close_modem()
            return False
        moved = _moved(self._claimed, identity)
        if moved:
            self._report.event("sim", sim=identity.get("sim"), iccid=masked(identity.get("iccid")))
        return moved

    def _on_urc(self, line):
        if self._modem and self._modem.sim_urc(line):
            self._hurry_until = self._uptime.seconds() + _SIM_READY_S
            self._wake.set()


def _differ(identity, key, known):
    return identity.get(key) and known and identity[key] != known


def _moved(claimed, identity):
    if not claimed:
        return False  # nothing was said yet: the next attempt reads it anyway
    if _differ(identity, "imei", claimed.get("imei")):
        return True
    if identity.get("iccid"):
        return identity["iccid"] != claimed.get("iccid")
    # No ICCID: a card that is not readable yet is waited for.
    sim = identity.get("sim")
    return sim in ("absent", "pin") and sim != claimed.get("sim")


async def _feed(watchdog):
    # What hangs without a time-out is what the watchdog is for; every wait of this agent has one.
    while True:
        watchdog()
        await asyncio.sleep(_HURRY_S)


def run(board):
    """Attests for ever; ends the program, with an error event, when that cannot work."""
    try:
        asyncio.run(Agent(board).run())
    except (KeystoreError, ValueError, OSError) as e:
        Reporter(getattr(board, "log", print)).event("error", what="setup", detail=str(e))
        sys.exit(1)
