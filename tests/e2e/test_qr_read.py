"""QR codes on terminals and labels, read by somebody else's reader, and what that somebody then does with them."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support import qr
from support.cards import CARD
from support.needs import program
from support.screens import Terminal
from support.server import simbond
from support.site import NOWHERE, Site, site_on_cable

IMEI = "861234050000010"
ASCII = {"PYTHONIOENCODING": "ascii"}


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_on_cable(tmp_path_factory.mktemp("site"), IMEI) as site, TemporaryDirectory(prefix="sb") as folder:
        yield site.laptop(Path(folder))


def drawn(*command: str, env: Mapping[str, str] | None = None, rows: int = 120) -> Terminal:
    with Terminal(*command, env=NOWHERE | dict(env or {}), rows=rows) as terminal:
        assert terminal.end() == 0
    return terminal


def provision(site: Site, folder: Path, *more: str, env: Mapping[str, str] | None = None) -> Terminal:
    station = str(folder / "station")
    assert simbond("stations", "create", station, "--name", "line-1").returncode == 0
    return drawn("provision", "--station", station, "--port", site.device.port, *more, env=env)


def label(site: Site) -> str:
    return f"SIMBOND/1/{site.kid.upper()}/{IMEI}/{CARD.iccid}"


def test_somebody_else_reads_and_confirms_a_check_whatever_the_terminal_s_colours(site: Site, tmp_path: Path) -> None:
    terminal = drawn(*site.command)
    read = {name: qr.read(qr.picture(terminal.cells, theme), tmp_path) for name, theme in qr.THEMES.items()}

    (text,) = read["dark"]
    assert all(each == [text] for each in read.values())
    somebody = site.laptop(tmp_path / "somebody")
    assert somebody.verify(text)["finding"] == "confirmed"


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, ASCII], ids=["plain", "no-color", "ascii"])
def test_a_label_on_a_terminal_is_read(site: Site, tmp_path: Path, env: dict[str, str]) -> None:
    terminal = provision(site, tmp_path, env=env)

    for theme in qr.THEMES.values():
        assert qr.read(qr.picture(terminal.cells, theme), tmp_path) == [label(site)]


@pytest.mark.parametrize("form", ["svg", "png"])
def test_a_label_in_a_file_is_read(site: Site, tmp_path: Path, form: str) -> None:
    provision(site, tmp_path, "--labels", str(tmp_path), "--label-format", form)

    picture = tmp_path / f"{site.kid}.{form}"
    if form == "svg":
        picture = tmp_path / "label.png"
        convert = program("rsvg-convert", package="librsvg2-bin")
        subprocess.run([convert, "--output", picture, picture.with_name(f"{site.kid}.svg")], check=True)
    assert qr.read(picture, tmp_path) == [label(site)]


@pytest.mark.parametrize(("rows", "told"), [(24, True), (25, True), (60, False)])
def test_a_window_that_is_too_low_is_said_to_be(site: Site, rows: int, told: bool) -> None:
    assert ("make the window taller" in drawn(*site.command, rows=rows).text) == told


def test_where_there_is_no_room_for_the_code_stands_what_it_says(site: Site) -> None:
    terminal = drawn(*site.command, env=ASCII)  # two characters to a module: 144 columns

    assert "SB1:" in ["".join(cell.data for cell in row[:4]) for row in terminal.cells]
