"""A device on a console that says whatever a test wants: an Attester behind a cable, honest or not."""

import json
import os
import threading
from types import TracebackType
from typing import Any, Self

from .attester import Attester
from .cable import Cable


class ConsoleDevice:
    """Answers on `port` from `with` to its end. enrolment, prove: what it answers instead of the truth."""

    def __init__(self, device: Attester) -> None:
        self.device = device
        self.enrolment: bytes | None = None
        self.proof: bytes | None = None

    def __enter__(self) -> Self:
        self._cable = Cable()
        self.port = self._cable.right
        self._file = os.open(self._cable.left, os.O_RDWR | os.O_NOCTTY)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end = os.open(self._cable.right, os.O_RDWR | os.O_NOCTTY)
        os.write(end, b"end\r")
        os.close(end)
        self._thread.join()
        os.close(self._file)
        self._cable.pull()

    def _serve(self) -> None:
        line = b""
        while line != b"end":
            octet = os.read(self._file, 1)
            if octet not in b"\r\n":
                line += octet
                continue
            if line.startswith(b"{"):
                asked = json.loads(line)
                reply = {"event": "reply", "id": asked["id"], **self._answer(asked)}
                os.write(self._file, json.dumps(reply).encode() + b"\r\n")
            line = line if line == b"end" else b""

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        match asked["do"]:
            case "status":
                return {"status": {}, "kid": self.device.kid.hex()}
            case "enrolment":
                return {"request": (self.enrolment or self.device.enrolment()).hex()}
            case "prove":
                return {"evidence": (self.proof or self.device.evidence(bytes.fromhex(asked["nonce"]))).hex()}
        return {"error": "do what?"}
