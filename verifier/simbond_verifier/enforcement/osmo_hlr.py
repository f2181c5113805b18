"""Osmocom's osmo-hlr as enforcement target and as network view.

Suspending does three things, in this order: bar PS and CS in the HLR's database (CTRL), so that no new attach is
accepted; read which nodes serve the card (CTRL); tell these to drop it (GSUP LocationCancel), because the HLR itself
tells nobody. An attach that the HLR accepted before the bar is on record by the time the nodes are read, and one
after it is refused, so no node is missed.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from .ctrl import CtrlClient, Get, Reply, Set
from .gsup import Domain, GsupError
from .gsup_client import Cancel, GsupClient
from .target import Access, Outcome, Sighting, TargetError, UnknownSubscriber, require_imsi
from .vty import VtyNetworkView

CTRL_PORT = 4259
GSUP_PORT = 4222
VTY_PORT = 4258

_BOTH = (Domain.PS, Domain.CS)
_SWITCH = {Domain.PS: "ps-enabled", Domain.CS: "cs-enabled"}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What osmo-hlr's CTRL variable `info` says: the open domains, and the node that serves each domain."""

    open: frozenset[Domain]
    nodes: dict[Domain, str]


def parse_info(text: str) -> Subscriber:
    """Parse `info`. Raises ValueError when it does not say whether PS and CS are open.

    The first line of a name counts: a serving node chose its own name, which comes after the lines on access. The
    purged flags are not used, since osmo-hlr 1.5 leaves them set when the card comes back.
    """
    values: dict[str, str] = {}
    for line in text.split("\n"):
        name, _, value = line.partition("\t")
        values.setdefault(name, value)
    access = {Domain.PS: values.get("nam_ps"), Domain.CS: values.get("nam_cs")}
    if not set(access.values()) <= {"0", "1"}:
        raise ValueError("it does not say nam_ps and nam_cs")
    nodes = {Domain.PS: values.get("sgsn_number", ""), Domain.CS: values.get("vlr_number", "")}
    return Subscriber(
        frozenset(domain for domain, value in access.items() if value == "1"),
        {domain: node for domain, node in nodes.items() if node},
    )


class OsmoHlr:
    """A Target and a NetworkView; safe to use from many tasks of one event loop at once.

    `timeout` (s) bounds every connect and every answer of the HLR; `cancel_wait` (s) is how long a suspension waits
    to hear what became of the LocationCancel. `grants` are the domains that a resumption opens: a subscription that
    never had voice and SMS must not gain them by being suspended and resumed.
    """

    name = "osmo-hlr"

    def __init__(
        self,
        host: str,
        *,
        ctrl_port: int = CTRL_PORT,
        gsup_port: int = GSUP_PORT,
        vty_port: int = VTY_PORT,
        timeout: float = 2.0,
        cancel_wait: float = 0.25,
        grants: Collection[Domain] = _BOTH,
    ) -> None:
        self._ctrl = CtrlClient(host, ctrl_port, timeout=timeout)
        self._gsup = GsupClient(host, gsup_port, timeout=timeout)
        self._vty = VtyNetworkView(host, vty_port, timeout=timeout)
        self._cancel_wait = cancel_wait
        self._grants = frozenset(grants)

    async def suspend(self, imsi: str) -> Outcome:
        """See Target. Done when the HLR's database bars both domains; the outcome says what the nodes were told."""
        return await self._bar(imsi, _BOTH, "barred")

    async def restrict(self, imsi: str) -> Outcome:
        """See Target. Bars CS, and opens PS if a resumption would."""
        outcome = await self._bar(imsi, (Domain.CS,), "restricted to PS")
        if Domain.PS in self._grants:
            await self._switch(imsi, {Domain.PS: True})
        left = self._grants - {Domain.CS}
        reads = Access.RESTRICTED if Domain.CS in self._grants else Access.ALLOWED
        return replace(outcome, reads=reads if left else Access.BARRED)

    async def resume(self, imsi: str) -> Outcome:
        """See Target. Opens the granted domains and leaves others as they are."""
        await self._switch(imsi, dict.fromkeys(self._grants, True))
        return Outcome("opened " + " and ".join(domain.name for domain in sorted(self._grants)))

    async def state(self, imsi: str) -> Access:
        """See Target."""
        (reply,) = await self._ctrl.ask(Get(_variable(imsi, "info")))
        opened = _read(imsi, reply).open
        if not opened:
            return Access.BARRED
        if opened >= self._grants:
            return Access.ALLOWED
        return Access.RESTRICTED if opened == {Domain.PS} else Access.PARTIAL

    async def sighting(self, imsi: str) -> Sighting | None:
        """See NetworkView."""
        return await self._vty.sighting(imsi)

    async def close(self) -> None:
        """See Target."""
        await asyncio.gather(self._ctrl.close(), self._gsup.close(), self._vty.close())

    async def _bar(self, imsi: str, domains: Collection[Domain], done: str) -> Outcome:
        subscriber = await self._switch(imsi, dict.fromkeys(domains, False))
        served = [(domain, node) for domain, node in subscriber.nodes.items() if domain in domains]
        if not served:
            return Outcome(f"{done}; no node serves the card")
        notices = await asyncio.gather(*(self._cancel(imsi, domain, node) for domain, node in served))
        return Outcome(
            f"{done}; " + "; ".join(notice.detail for notice in notices),
            complete=all(notice.complete for notice in notices),
        )

    async def _switch(self, imsi: str, domains: Mapping[Domain, bool]) -> Subscriber:
        """Open and close domains. Writes and the read-back travel together."""
        *writes, info = await self._ctrl.ask(
            *(Set(_variable(imsi, _SWITCH[domain]), "1" if opened else "0") for domain, opened in domains.items()),
            Get(_variable(imsi, "info")),
        )
        subscriber = _read(imsi, info)  # first: why a write failed for an unknown IMSI, osmo-hlr says only here
        for write in writes:
            if not write.ok:
                raise TargetError(f"osmo-hlr did not write to its database for IMSI {imsi}: {write.text}; see its log")
        return subscriber

    async def _cancel(self, imsi: str, domain: Domain, node: str) -> "_Notice":
        about = f"LocationCancel to {node!r} ({domain.name})"
        try:
            outcome = await self._gsup.cancel_location(imsi, domain, node, wait=self._cancel_wait)
        except (TargetError, GsupError) as error:
            return _Notice(f"{about} not sent: {error}", complete=False)
        return _Notice(f"{about} {outcome.value}", complete=outcome is not Cancel.NOT_CONNECTED)


@dataclass(frozen=True, slots=True)
class _Notice:
    detail: str
    complete: bool


def _variable(imsi: str, name: str) -> str:
    return f"subscriber.by-imsi-{require_imsi(imsi)}.{name}"


def _read(imsi: str, reply: Reply) -> Subscriber:
    if reply.text == "No such subscriber.":
        raise UnknownSubscriber(f"osmo-hlr has no subscriber with IMSI {imsi}: create it there first")
    if not reply.ok:
        raise TargetError(
            f"osmo-hlr did not answer about IMSI {imsi}: {reply.text}; is this an osmo-hlr of 1.5 or newer?"
        )
    try:
        return parse_info(reply.text)
    except ValueError as error:
        raise TargetError(f"osmo-hlr's answer about IMSI {imsi} is not understood: {error}") from None
