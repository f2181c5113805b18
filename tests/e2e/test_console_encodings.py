"""Consoles that lack characters: a Chinese one, a western one, and one that has nothing but ASCII."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.screens import Terminal
from support.server import SIMBOND, simbond
from support.site import NOWHERE, Site, site_on_cable

CONSOLES = {
    "cp936": {"PYTHONIOENCODING": "cp936"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "c-locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
CODEC = {"c-locale": "ascii"}
CONFIRMED = {"en": "Bond confirmed", "zh": "绑定属实"}


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_on_cable(tmp_path_factory.mktemp("site"), "861234050000010") as site, TemporaryDirectory() as folder:
        yield site.laptop(Path(folder))


@pytest.fixture(scope="module", name="station")
def _station(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("factory") / "station")
    assert simbond("stations", "create", folder, "--name", "line-1").returncode == 0
    return folder


def printed(console: str, *command: str) -> str:
    """All that a command prints, which may hold no character that the console lacks, and no code of one."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIMBOND_", "LC_", "LANG"))}
    environment = inherited | NOWHERE | {"SIMBOND_CONFIG": os.devnull} | CONSOLES[console]
    done = subprocess.run([*SIMBOND, *command], capture_output=True, env=environment, timeout=120, check=False)
    text = (done.stdout + done.stderr).decode(CODEC.get(console, console))
    assert "\\u" not in text
    assert "Error" not in text
    return text


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("console", CONSOLES)
def test_every_command_on_a_cable_prints_what_is_read(console: str, lang: str, site: Site, station: str) -> None:
    """Where there are no Chinese characters, it is in English."""
    port = ("--lang", lang, "--port", site.device.port)
    checked = printed(console, *site.command, "--lang", lang)
    assert CONFIRMED[lang if console == "cp936" else "en"] in checked
    assert site.kid in printed(console, "probe", *port)
    assert printed(console, "doctor", *port)
    assert site.kid in printed(console, "provision", "--station", station, *port)


@pytest.mark.parametrize("command", ["check", "provision"])
def test_on_a_terminal_without_better_characters(command: str, site: Site, station: str) -> None:
    """Spinners and bars are drawn, too."""
    words = {
        "check": site.command,
        "provision": ("provision", "--station", station, "--port", site.device.port),
    }[command]
    with Terminal(*words, lang="zh", env=NOWHERE | CONSOLES["ascii"]) as terminal:
        assert terminal.end() == 0
    text = "\n".join("".join(cell.data for cell in row) for row in terminal.cells)
    assert text.isascii()
    assert "\\u" not in text
