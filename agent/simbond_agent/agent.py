"""The loop: read the modem, attest, wait for the next time or for another card."""

import asyncio
import gc
import sys
from binascii import hexlify

from . import claims
from .backoff import Backoff
from .clock import Uptime
from .evidence import binding, enrolment, evidence
from .keystore import Keystore, KeystoreError
from .port import ModemError, Port, differ, moved
from .signer.software import SoftwareSigner
from .status import Reporter, masked
from .uplink import UplinkError, ask, is_native, open_uplink

_MIN_INTERVAL_S = 5
_MAX_INTERVAL_S = 7 * 24 * 3600
_FIRST_INTERVAL_S = 3600  # as long as no verifier has stated one
# So many answers in a row may ask for the next Evidence at once; then the agent backs off.
_AT_ONCE_MAX = 4
_ROTATIONS = 3  # attempts, until the next boot: a verifier that takes none must not keep a device from attesting
_SPOOL = 16
_ASLEEP_S = 900  # a device that wakes without a network tries again after so long
_LOOK_UP_S = 3600  # so often at least the uptime is asked for, which must not wrap unseen
_REVOKED = "key-revoked"
_NO_NONCE = bytes(claims.NONCE_OCTETS)


class Agent:
    """One device's Attester. board: a module or object as agent/README.md describes.

    status: the last event of each kind but the enrolment request, a dict of dicts by event name. port: the modem's
    Port; `async with agent.port as transport` takes the modem from the agent for so long.
    """

    def __init__(self, board):
        for name in ("at_stream", "url", "state_dir", "scenario"):
            if not hasattr(board, name) and not (name == "at_stream" and hasattr(board, "at_transport")):
                raise ValueError("the board file lacks " + name)
        if not isinstance(board.scenario, int) or not 0 <= board.scenario <= 0xFFFF:
            raise ValueError("scenario is to be a number, 0 to 65535")
        self._board = board
        self._report = Reporter(getattr(board, "log", print))
        self.status = self._report.last
        self._uptime = Uptime()
        self._wake = asyncio.Event()
        self.port = Port(board, self._uptime, self._wake.set)
        self._asked = False
        self._rotating = 0
        self._enrolled = False
        self._uplink = None
        self._spool = None
        self._attached = None  # the modem.Modem that the modem's own uplink has
        self._claimed = {}
        self._claimed_at = -1
        self._status = 0
        self._due_at = 0
        self._interval_s = _FIRST_INTERVAL_S
        self._nonce = None  # the verifier's last, as long as it is not claimed
        self._old_nonce = _NO_NONCE
        self._at_once = 0

    def attest_now(self):
        """Asks for an attestation now, as far as the verifier's Retry-After allows."""
        self._asked = True
        self._wake.set()

    def rotate_key(self):
        """Has another key made and put in the place of this one, as soon as the verifier agrees.

        Raises ValueError where the key is not the agent's own: a secure element keeps its key for life; ImportError
        where the board lacks the part `rotation`.
        """
        if hasattr(self._board, "signer"):
            raise ValueError("only a software key is rotated")
        from .rotation import rotate  # noqa: F401 - a part that is missing is told of now

        self._rotating = _ROTATIONS
        self.attest_now()

    async def run(self):
        """Attests until cancelled.

        Raises KeystoreError when the stored key or counter is damaged; ValueError, ImportError or OSError when the
        board is set up wrongly. What fails later is reported and tried again.
        """
        board = self._board
        beside = []
        try:
            if hasattr(board, "watchdog"):
                beside.append(asyncio.create_task(_feed(board.watchdog)))
            await self._start()
            if hasattr(board, "console"):
                from .console import serve

                beside.append(asyncio.create_task(serve(self, board.console())))
            backoff = Backoff()
            while True:
                await self._pause(*await self._attempt(backoff))
        finally:
            for task in beside:
                task.cancel()
            await self._close()

    async def run_once(self):
        """Attests once, for a device that sleeps between two attestations. Returns the seconds until the next is due.

        Raises as run() does.
        """
        try:
            await self._start()
            backoff = Backoff(_ASLEEP_S)
            delay = 0
            while not delay:
                delay, _why, _hold = await self._attempt(backoff)
            if hasattr(self._board, "retain"):
                self._board.retain(self._nonce or b"")
            return max(int(delay), _MIN_INTERVAL_S)
        finally:
            await self._close()

    async def _close(self):
        if self._uplink:
            await self._uplink.close()
        self.port.close()

    def kid(self):
        """The key identifier in hex."""
        return hexlify(self._signer.kid).decode()

    def report(self, name, fields):
        """Writes an event that is not kept in status."""
        self._report.line(name, fields)

    async def prove(self, nonce):
        """Evidence over the nonce of somebody on site: of 16 octets, so that no verifier takes it for its own."""
        async with self.port:
            return await self._sign(nonce, await self.port.settled_identity())

    async def enrolment(self):
        """The enrolment request, to give to the verifier once."""
        async with self.port:
            return await self._enrolment(self._signer)

    async def _start(self):
        board = self._board
        own_key = not hasattr(board, "signer")
        self._keystore = Keystore(board.state_dir, own_key)
        self._rotating = _ROTATIONS if own_key and self._keystore.has_next else 0
        self._enrolled = bool(self._keystore.imei or self._keystore.iccid)  # a verifier knows this device
        capacity = getattr(board, "spool", _SPOOL)
        if capacity:
            from .spool import Spool

            self._spool = Spool(board.state_dir + "/spool", capacity)
        if hasattr(board, "set_time"):
            from .modem import network_time  # noqa: F401 - a part that is missing is told of now
        self._countersigner = getattr(board, "countersigner", None)
        self._signer = SoftwareSigner(self._keystore.private_key) if own_key else await board.signer()
        if not is_native(board):
            self._way()  # settings that cannot work are told of now
        if hasattr(board, "retained"):
            octets = board.retained()
            self._nonce = octets if octets and len(octets) == claims.NONCE_OCTETS else None
        gc.collect()
        self._report.event("start", kid=self.kid(), bootcount=self._keystore.bootcount)

    async def _take(self, signer):
        """Goes on with another key. The uplink is a key's own: the next message opens one."""
        self._signer = signer
        uplink, self._uplink = self._uplink, None
        if not is_native(self._board):  # the modem's own stack is put into a known state by the next one
            await uplink.close()

    async def _attempt(self, backoff):
        """One round and what follows from it: (seconds to wait, why, seconds of them that nothing shortens)."""
        hold = 0
        if self._asked:
            self._asked = False  # from now on it is due: a failure waits as any other does
            self._due_at = 0
        try:
            why = "interval"
            delay = self._delay(await self._round(), backoff)
            self._due_at = self._uptime.seconds() + delay
        except UplinkError as e:
            why = "uplink"
            self._report.error(why, e)
            hold = min(e.retry_after, _MAX_INTERVAL_S)
            delay = backoff.next(hold)
        except Exception as e:
            why = self._failed(e)
            delay = backoff.next()
        return delay, why, hold

    def _failed(self, e):
        """Reports what is no failure of the uplink, and has the modem opened anew. Returns whose failure it is."""
        why = "modem" if isinstance(e, ModemError) else "internal"
        self._report.error(why, e)
        self.port.renew()
        return why

    def _delay(self, answer, backoff):
        """Seconds until the next Evidence: 0 at once, else within bounds."""
        if not answer.again:
            self._at_once = 0
            backoff.reset()
            self._interval_s = min(max(answer.interval_s, _MIN_INTERVAL_S), _MAX_INTERVAL_S)
            return self._interval_s
        if self._at_once == _AT_ONCE_MAX:
            return backoff.next()
        self._at_once += 1
        return 0

    async def _round(self):
        """Delivers what waits, then what is due. Returns the last Answer."""
        async with self.port:
            await self._prepare()
        answer = None
        try:
            waiting = self._spool and self._spool.oldest()
            while waiting:
                answer = await self._send("evidence", waiting)
                self._spool.drop()
                waiting = self._spool.oldest()
                self._report.event("delivered", tier=answer.tier, reasons=answer.reasons, waiting=len(self._spool))
            if self._nonce is None:
                await self._send("challenge", self._signer.kid)
        except UplinkError:
            if self._is_due():
                self._keep(await self._evidence())
            raise
        if self._rotating:
            # First: if the verifier has taken the next key already, and its answer was lost, this one is worth nothing.
            self._rotating -= 1
            from .rotation import rotate

            if await rotate(self):
                self._rotating = 0
        if answer is None or answer.again or self._is_due():
            answer = await self._attest()
            if _REVOKED in answer.reasons and self._keystore.has_next:
                self._rotating = _ROTATIONS  # it has taken the next key, and no answer came through
        return answer

    async def _prepare(self):
        if not self._enrolled:
            request = await self._enrolment(self._signer)
            self.report("enrolment", {"kid": self.kid(), "request": hexlify(request).decode()})
            self._enrolled = True

    async def _enrolment(self, signer):
        return await enrolment(signer, await self._binding(await self.port.settled_identity()))

    async def _attest(self):
        message = await self._evidence()
        uptime, flags = self._claimed_at, self._status  # prove() may go on from these meanwhile
        try:
            answer = await self._send("evidence", message)
        except UplinkError:
            self._keep(message)
            raise
        identity = self._claimed
        if answer.appraised:
            self._keystore.acknowledge(identity.get("iccid"), identity.get("imei"), identity.get("eid"))
        self._report.event(
            "attested",
            tier=answer.tier,
            reasons=answer.reasons,
            interval_s=answer.interval_s,
            uptime=uptime,
            octets=len(message),
            iccid=masked(identity.get("iccid")),
            flags=flags,
        )
        return answer

    def _is_due(self):
        return self._asked or self._uptime.seconds() >= self._due_at

    def _keep(self, message):
        """Puts Evidence by that could not be sent; without a place for it, fresh Evidence stays due."""
        self._due_at = self._uptime.seconds() + self._interval_s
        if self._spool is not None:
            try:
                self._spool.put(message)
                self._report.event("stored", waiting=len(self._spool), dropped=self._spool.dropped)
                return
            except OSError as e:
                self._report.error("spool", e)
        self._due_at = 0

    async def _evidence(self):
        """Evidence over the newest nonce that there is: one is never claimed twice before the verifier has answered."""
        nonce = self._nonce or self._old_nonce
        self._nonce = None
        self._old_nonce = nonce
        self._asked = False
        async with self.port:
            self._claimed = await self.port.settled_identity()
            return await self._sign(nonce, self._claimed)

    async def _sign(self, nonce, identity):
        """Evidence, for whoever has the port."""
        bond = await self._binding(identity)
        self._status = bond[claims.STATUS]
        uptime = await self._next_uptime()
        sim = self._countersign if self._countersigner and identity.get("iccid") else None
        return await evidence(self._signer, bond, nonce, self._keystore.bootcount, uptime, sim)

    async def _countersign(self, covered):
        """The SIM's signature over covered; None, and a report, where it gives none: Evidence goes without it."""
        self._countersigner.attach(self.port.modem)
        try:
            return await self._countersigner.sign(covered)
        except OSError as e:
            self._report.error("sim", e)

    async def _next_uptime(self):
        """Seconds that nothing was signed for yet."""
        while self._uptime.seconds() <= self._claimed_at:  # noqa: ASYNC110 - a clock sets no Event
            await asyncio.sleep(0.1)
        self._claimed_at = self._uptime.seconds()
        return self._claimed_at

    async def _send(self, kind, message):
        """Raises UplinkError."""
        if is_native(self._board):
            async with self.port:  # else whoever reads the card would come in between
                answer = await ask(self._way(), kind, message)
        else:
            answer = await ask(self._way(), kind, message)
        self._nonce = answer.nonce
        return answer

    def _way(self):
        """The uplink; where it is the modem's own, on the modem that is open now: it may have restarted just before."""
        modem = self.port.modem if is_native(self._board) else None
        if self._uplink is None:
            self._uplink = open_uplink(self._board, self._signer.kid, modem)
        elif modem is not self._attached:
            self._uplink.attach(modem)
        self._attached = modem
        return self._uplink

    async def _binding(self, identity):
        cell = await self.port.modem.cell()
        status = self._signer.protection | self._flags(identity)
        try:
            return binding(identity, cell, self._board.scenario, status)
        except ValueError as e:
            self._report.error("cell", e)
            return binding(identity, None, self._board.scenario, status)

    def _flags(self, identity):
        known = self._keystore
        flags = 0
        moves = 0
        if differ(identity, "iccid", known.iccid):
            flags |= claims.SIM_CHANGED
            moves += not known.eid or identity.get("eid") != known.eid  # else the eSIM has another profile
        if differ(identity, "imei", known.imei):
            flags |= claims.IMEI_CHANGED
            moves += identity.get("imei2") != known.imei
        if flags and not moves:
            flags |= claims.SAME_HARDWARE
        if identity.get("sim") == "absent":
            flags |= claims.TRAY_EMPTY
        if identity.get("iccid_mismatch"):
            flags |= claims.ICCID_MISMATCH
        tamper = getattr(self._board, "tamper", None)
        if tamper and tamper():
            flags |= claims.TAMPER
        return flags

    async def _pause(self, seconds, why, hold):
        """Waits. hold seconds at the least; then until seconds are over, another card is there, or somebody asks."""
        seconds = int(seconds)  # as the clock counts: a fraction left over would be waited for again and again
        if not seconds:
            return
        self._report.event("waiting", why=why, seconds=seconds)
        start = self._uptime.seconds()
        while True:
            waited = self._uptime.seconds() - start
            if waited >= seconds or (self._asked and waited >= hold):
                return
            await self._sleep(min(self.port.poll_s() or _LOOK_UP_S, seconds - waited))
            if waited >= hold and self.port.poll_s() and await self._card_moved():
                self._due_at = 0
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
            async with self.port:
                identity = await self.port.identity()
        except Exception as e:
            self._failed(e)
            return False
        if not moved(self._claimed, identity):
            return False
        self._report.event("sim", sim=identity.get("sim"), iccid=masked(identity.get("iccid")))
        return True


async def _feed(watchdog):
    # What hangs without a time-out is what the watchdog is for; every wait of this agent has one.
    while True:
        watchdog()
        await asyncio.sleep(1)


def run(board):
    """Attests for ever; ends the program, with an error event, when that cannot work."""
    return _ending(board, "run")


def run_once(board):
    """Attests once; returns the seconds until the next time, for a board that sleeps in between. Ends as run does."""
    return _ending(board, "run_once")


def _ending(board, method):
    try:
        return asyncio.run(getattr(Agent(board), method)())
    except (KeystoreError, ValueError, ImportError, OSError) as e:
        Reporter(getattr(board, "log", print)).error("setup", e)
        if sys.platform == "linux":
            sys.exit(1)
        return _ASLEEP_S  # a board that exits starts anew at once, and counts another boot on flash
