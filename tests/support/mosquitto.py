"""A private mosquitto with the configuration that is shipped as an example: own ports, own folder, TLS and plain."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from simbond_tools.demo.authority import Authority, make_authority

from . import needs
from .ports import free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "mosquitto"
VERIFIER = ("verifier", "the verifier's password")
_START_S = 60


class Mosquitto:
    """Runs between `with` and its end. port is its TLS listener, plain_port one without; authority vouches for it.

    Its sessions and queues outlive `stop`, and of `kill` what it had saved before.
    """

    def __init__(self, folder: Path, **different: str) -> None:
        """different: lines of the configuration that are to say something else. Skips or fails as needs.program."""
        self._program = needs.program("mosquitto", package="mosquitto")
        self._hash = needs.program("mosquitto_passwd", package="mosquitto")
        folder.mkdir(parents=True, exist_ok=True)
        self.authority: Authority = make_authority(folder / "tls")
        self.log = folder / "mosquitto.log"
        self.port, self.plain_port = free_port(), free_port()
        self._passwords = folder / "passwords"
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "mosquitto.conf"
        self._config.write_text(self._configuration(folder, different))
        self._passwords.touch(mode=0o600)
        self.add(dict([VERIFIER]))

    def _configuration(self, folder: Path, different: dict[str, str]) -> str:
        """The example, on this folder and these ports."""
        lines = {
            "listener": f"{self.port} 127.0.0.1",
            "certfile": str(self.authority.server),
            "keyfile": str(self.authority.server),
            "password_file": str(self._passwords),
            "acl_file": str(EXAMPLE / "acl"),
            "persistence_location": f"{folder}/",
            **different,
        }
        text = (EXAMPLE / "mosquitto.conf").read_text("utf-8")
        for name, value in lines.items():
            text, count = re.subn(rf"^{name} .*$", f"{name} {value}", text, flags=re.MULTILINE)
            assert count == 1, f"{EXAMPLE}/mosquitto.conf has no line {name}"
        more = [
            f"listener {self.plain_port} 127.0.0.1",
            "use_username_as_clientid true",
            "user root",  # does not become another one, where the tests run as root
            f"log_dest file {self.log}",
            "log_type all",
        ]
        return "\n".join([text, *more, ""])

    @property
    def url(self) -> str:
        """With the name that its certificate is for."""
        return f"mqtts://localhost:{self.port}"

    @property
    def plain_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.plain_port}"

    def serve_options(self, url: str = "", password: str = VERIFIER[1]) -> list[str]:
        """What `simbond serve` is to be told. url: another way to it."""
        file = self._config.with_name("verifier-password")
        file.write_text(password + "\n")
        named = {"--mqtt": url or self.url, "--mqtt-user": VERIFIER[0], "--mqtt-password-file": file}
        return [str(word) for pair in (named | {"--mqtt-ca": self.authority.ca_pem}).items() for word in pair]

    def add(self, users: Mapping[str, str]) -> None:
        """Gives users passwords, from now on."""
        for user, password in users.items():
            command = [self._hash, "-b", str(self._passwords), user, password]
            subprocess.run(command, check=True, capture_output=True)
        if self._process is not None:
            reloads = self._reloads()
            self._process.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + _START_S
            while self._reloads() == reloads:
                assert time.monotonic() < deadline, "mosquitto does not read its passwords anew"
                time.sleep(0.01)

    def _reloads(self) -> int:
        return self.log.read_text().count("Reloading config")

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()

    def start(self) -> None:
        """Returns once it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        for port in (self.port, self.plain_port):
            while not _listens(port):
                assert self._process.poll() is None, f"mosquitto ended: {self.log.read_text()[-2000:]}"
                assert time.monotonic() < deadline, f"mosquitto does not listen: {self.log.read_text()[-2000:]}"
                time.sleep(0.02)

    def stop(self) -> None:
        """Asks it to end; it saves its sessions."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(timeout=60)
        self._process = None


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
