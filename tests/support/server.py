"""A real verifier: `simbond serve` as a process of its own, on a port of its own, with a folder of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from simbond_tools.client import Api
from simbond_tools.demo.authority import make_authority

from . import schemas
from .ports import free_port
from .stores import place
from .verifier import SCENARIO

SIMBOND = (sys.executable, "-m", "simbond_tools.cli")


class VerifierServer:
    """Runs between `with` and its end. url, db, log and, with TLS, ca (PEM) and ca_der say where things are.

    Its database outlives `kill` and `stop`: `start` continues with it, on the same port.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tls: bool = False,
        target: str = "embedded:",
        scenarios: Sequence[str] = (SCENARIO,),
        options: Sequence[str] = (),
        db: Path | str | None = None,
    ) -> None:
        """scenarios: the texts of scenario files. options: more words for the command line. db: another's database."""
        self.db = db or place(folder / "simbond.db")
        self.log = folder / "serve.log"
        self.url = ""
        self.ca: Path | None = None
        self.ca_der: Path | None = None
        self._tokens: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        self._port = free_port()
        self._options = ["--db", str(self.db), "--scenarios", str(folder / "scenarios"), "--target", target, *options]
        (folder / "scenarios").mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(scenarios):
            (folder / "scenarios" / f"{number}.toml").write_text(text)
        if tls:
            authority = make_authority(folder / "tls")
            self.ca, self.ca_der = authority.ca_pem, authority.ca_der
            self._options += ["--tls-cert", str(authority.server), "--tls-key", str(authority.server)]

    def __enter__(self) -> "VerifierServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns once it listens."""
        self.launch()
        self.listening()

    def launch(self) -> None:
        """Starts it, and does not wait."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [*SIMBOND, "serve", "--json", "--port", str(self._port), *self._options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def listening(self) -> None:
        """Waits until it listens."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"serve did not start: {self.log.read_text()}"
        url = schemas.read(line)["listening"]
        # The certificate is for the name.
        self.url = url.replace("127.0.0.1", "localhost") if self.ca else url

    def stop(self) -> None:
        """Asks it to end, and sees that it does."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def exit_code(self, seconds: float) -> int:
        """Of a server that is expected to end by itself."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self.stop()
        return code

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(timeout=60)
        self._process = None

    def token(self, role: str = "admin") -> str:
        """A token with a role, made by `simbond token create`; its holder bears the role's name."""
        if role not in self._tokens:
            order = ["token", "create", "--db", str(self.db), "--name", role, "--role", role]
            done = subprocess.run([*SIMBOND, *order], capture_output=True, text=True, check=True)
            self._tokens[role] = done.stdout.strip()
        return self._tokens[role]

    def api(self, role: str = "admin") -> Api:
        """A client of its operator API; close it, or use it by `with`."""
        return Api(self.url, self.token(role), str(self.ca) if self.ca else None)

    def environment(self, role: str = "admin") -> dict[str, str]:
        """What tells the operators' commands where it is and who asks."""
        more = {"SIMBOND_CA": str(self.ca)} if self.ca else {}
        return {"SIMBOND_URL": self.url, "SIMBOND_TOKEN": self.token(role), **more}

    def simbond(
        self, *arguments: str, role: str = "admin", stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs an operator's command against it, as the holder of a role."""
        return simbond(*arguments, stdin=stdin, **(self.environment(role) | environment))


def simbond(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command; nothing but the given SIMBOND_ variables is in its environment. Documents that it prints are
    checked against their schemas."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SIMBOND_")}
    inherited |= {"SIMBOND_CONFIG": os.devnull, "SIMBOND_LANG": "en"}  # whoever runs the tests may have their own
    done = subprocess.run(
        [*SIMBOND, *arguments], input=stdin, capture_output=True, env=inherited | environment, timeout=150, check=False
    )
    printed = done.stdout.decode()
    schemas.check(printed)
    return subprocess.CompletedProcess(done.args, done.returncode, printed, done.stderr.decode())
