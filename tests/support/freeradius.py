"""FreeRADIUS on the other side: its client as a gateway that asks and reports, its server as one that ends sessions."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from . import needs
from .nas import SECRET
from .ports import free_port

_CONF = """
libdir = /usr/lib/freeradius
raddbdir = {folder}
run_dir = {folder}
logdir = {folder}
max_request_time = 10
log {{
  destination = stdout
}}
security {{
  reject_delay = 0
}}
client verifier {{
  ipaddr = 127.0.0.1
  secret = "{secret}"
}}
modules {{
  always ok {{
    rcode = ok
  }}
  always reject {{
    rcode = reject
  }}
}}
server gateway {{
  listen {{
    type = coa
    ipaddr = 127.0.0.1
    port = {port}
  }}
  recv-coa {{
    if (&Acct-Session-Id == "gone") {{
      update reply {{
        &Error-Cause := Session-Context-Not-Found
      }}
      reject
    }}
    if (&Acct-Session-Id == "kept") {{
      update reply {{
        &Error-Cause := Administratively-Prohibited
      }}
      reject
    }}
    ok
  }}
  send-coa {{
    ok
  }}
}}
"""


class Said(NamedTuple):
    """How radclient ended and what it printed."""

    code: int
    text: str


async def radclient(folder: Path, port: int, kind: str, **attributes: str) -> Said:
    """Sends one packet, repeated twice at most. kind: auth, acct or status. Attributes by name with _ for -, as
    radclient reads them; Message-Authenticator=0x00 has it made."""
    return Said(*await asyncio.to_thread(ask, folder, port, kind, **attributes))


def ask(folder: Path, port: int, kind: str, **attributes: str) -> Said:
    """The same, for tests without an event loop."""
    secret = folder / "radclient-secret"
    secret.write_bytes(SECRET)
    lines = [f"{name.lstrip('_').replace('_', '-')} = {value}" for name, value in attributes.items()]
    order = [needs.program("radclient", package="freeradius-utils"), "-x", "-r", "3", "-t", "2", "-S", str(secret)]
    done = subprocess.run(
        [*order, f"127.0.0.1:{port}", kind],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Said(done.returncode, done.stdout + done.stderr)


class Gateway:
    """A FreeRADIUS server that answers Disconnect- and CoA-Requests: to session `gone` that it is not there, to `kept`
    that it may not, to all others by ACK."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log

    def received(self) -> str:
        """What it wrote of the requests that it got."""
        return self._log.read_text()


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    server = needs.program("freeradius", package="freeradius")
    folder.mkdir()
    port = free_port()
    (folder / "radiusd.conf").write_text(_CONF.format(folder=folder, port=port, secret=SECRET.decode()))
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen([server, "-f", "-X", "-d", str(folder), "-n", "radiusd"], stdout=out, stderr=out)
    try:
        ends = time.monotonic() + 60
        while "Ready to process requests" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.05)
        yield Gateway(port, log)
    finally:
        process.terminate()
        process.wait(timeout=60)
