"""The network of the demo: a private osmo-hlr with an SGSN and an MSC, or the verifier's embedded table."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from simbond_verifier.enforcement.gsup import Domain

from ..client import Api
from ..gsup_peer import Answer, ServingNode
from ..hlr import PrivateHlr

T = TypeVar("T")


class Network(Protocol):
    """What the story asks of a network. Every answer is an observation, in words; `refused` and `accepted` tell."""

    sees_imei: bool
    """Whether the verifier can ask it which device a card was seen in."""

    def attach(self, imsi: str, imei: str) -> tuple[bool, str]:
        """A card tries to come in, in the device with this IMEI."""

    def expelled(self, imsi: str, timeout_s: float) -> str | None:
        """How a card that was online was put offline; None when it was not."""


class Embedded:
    """Equipment that asks the verifier over HTTP, and lets in what it may."""

    sees_imei = False

    def __init__(self, api: Api) -> None:
        self._api = api

    def attach(self, imsi: str, imei: str) -> tuple[bool, str]:
        access = self._api.get(f"/v1/subscribers/{imsi}")["access"]
        return access == "allowed", f"GET /v1/subscribers/… says {access}"

    def expelled(self, imsi: str, timeout_s: float) -> str | None:
        return "equipment asks at the next attach"


class Osmocom:
    """A private osmo-hlr with one SGSN and one MSC, which check the IMEI and update the location as a phone comes."""

    sees_imei = True

    def __init__(self, hlr: PrivateHlr) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._sgsn = ServingNode(hlr.host, "sgsn-demo", Domain.PS)
        self._msc = ServingNode(hlr.host, "msc-demo", Domain.CS)
        for node in (self._sgsn, self._msc):
            self._run(node.__aenter__())

    def close(self) -> None:
        for node in (self._sgsn, self._msc):
            self._run(node.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def attach(self, imsi: str, imei: str) -> tuple[bool, str]:
        self._run(self._msc.check_imei(imsi, imei))
        ps = self._run(self._sgsn.update_location(imsi))
        cs = self._run(self._msc.update_location(imsi))
        return ps.accepted and cs.accepted, f"Update-Location: PS {_words(ps)}, CS {_words(cs)}"

    def expelled(self, imsi: str, timeout_s: float) -> str | None:
        try:
            for node in (self._sgsn, self._msc):
                self._run(asyncio.wait_for(node.cancelled.get(), timeout_s))
        except TimeoutError:
            return None
        if imsi in self._sgsn.serving or imsi in self._msc.serving:
            return None
        return "SGSN and MSC received LocationCancel and dropped the card"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()


def _words(answer: Answer) -> str:
    return "accepted" if answer.accepted else f"rejected (cause {answer.cause})"
