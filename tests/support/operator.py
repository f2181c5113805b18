"""An operator at a shell: commands against a real verifier, with cards and devices that no other test uses."""

import json
from itertools import count
from typing import Any

from .attester import Attester
from .server import VerifierServer

HEADER = "iccid,imsi,scenario,msisdn,customer\n"
_numbers = count(1)


def new_device() -> Attester:
    """A device and a card with identities of their own."""
    n = next(_numbers)
    return Attester(imei=f"86123405{n:06}0", iccid=f"8986001234{n:010}", imsi=f"46000{n:010}")


def row(device: Attester, *, scenario: str = "meter", more: str = "8613800138000,Pudong Water") -> str:
    """A device's card as a line of a card list."""
    return f"{device.iccid},{device.imsi},{scenario},{more}\n"


class Operator:
    """Runs commands as the holder of a role, and checks how they end."""

    def __init__(self, server: VerifierServer) -> None:
        self.server = server

    def ok(self, *arguments: str, stdin: bytes = b"", role: str = "admin") -> str:
        """What a command that has to succeed prints."""
        done = self.server.simbond(*arguments, stdin=stdin, role=role)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def json(self, *arguments: str, stdin: bytes = b"", exit_code: int = 0, role: str = "admin") -> Any:
        """The one document that a command prints, without the name of its schema, which it keeps to."""
        done = self.server.simbond(*arguments, "--json", stdin=stdin, role=role)
        assert (done.returncode, done.stderr) == (exit_code, ""), done
        found = json.loads(done.stdout)
        del found["schema"]
        return found

    def error(self, exit_code: int, *arguments: str, stdin: bytes = b"", role: str = "admin") -> str:
        """The code of the error that a command ends with."""
        code: str = self.json(*arguments, stdin=stdin, exit_code=exit_code, role=role)["error"]["code"]
        return code

    def error_text(self, exit_code: int, *arguments: str, stdin: bytes = b"", role: str = "admin") -> str:
        """What a person is told of it."""
        done = self.server.simbond(*arguments, stdin=stdin, role=role)
        assert (done.returncode, done.stdout) == (exit_code, ""), done
        assert "Error: " in done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def imported(self, *devices: Attester) -> None:
        """Has the devices' cards imported; over the API, as what is only needed before a test is."""
        with self.server.api() as api:
            api.post_csv("/v1/cards/import", (HEADER + "".join(map(row, devices))).encode())

    def enrolled(self, *devices: Attester) -> None:
        with self.server.api() as api:
            for device in devices:
                api.post("/v1/devices", {"request": device.enrolment().hex()})

    def bound(self) -> Attester:
        """A new device in force, with its card."""
        device = new_device()
        self.imported(device)
        self.enrolled(device)
        with self.server.api() as api:
            api.post(f"/v1/cards/{device.iccid}/bind", {"device": device.kid.hex()})
        return device
