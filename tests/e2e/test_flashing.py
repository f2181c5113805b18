"""simbond flash on MicroPython with a file system of a board's, whose cable and power go at any moment."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Timer

import pytest

from simbond_tools.demo.authority import make_authority
from simbond_tools.emulator import Modem
from simbond_tools.field.errors import FieldError, Unplugged
from simbond_tools.flash import contents
from simbond_tools.flash.contents import maker_files
from simbond_tools.flash.job import Job
from simbond_tools.flash.plan import ASIDE, PART
from simbond_tools.flash.run import flash
from simbond_tools.flash.starting import NotStarted
from simbond_tools.flash.survey import IN_ROM
from simbond_tools.romfs import image
from support.cards import CARD
from support.repl_board import ReplBoard
from support.server import SIMBOND, simbond

EXAMPLE = Path(__file__).parents[2] / "examples" / "esp32-uart"
OWN = "/lib/simbond_agent/"
KEY = "/simbond/key"
UNTOUCHED = {
    "/boot.py": b"# the maker's\n",
    "/data/log.txt": b"12\n",
    "/lib/driver.py": b"pass\n",
    KEY: b"a device's key",
}
OLD_AGENT = {OWN + "agent.mpy": b"an older agent", OWN + "at.py": b"raise 1", OWN + "modem/quectel.mpy": b"old"}
OLD_MAIN = b"print('old')\n"


class Silent:
    """A Progress that nobody looks at."""

    def doing(self, what: str, octets: int = 0) -> None: ...
    def written(self, octets: int) -> None: ...
    def waiting(self) -> None: ...


class Unplugging(Silent):
    """Pulls the cable after so many octets were written, and plugs it in again."""

    def __init__(self, board: ReplBoard, after: int) -> None:
        self._board = board
        self._left = after

    def written(self, octets: int) -> None:
        self._left -= octets
        if -octets < self._left <= 0:
            self._board.cut_after(50, power=True)
            Timer(1, self._board.plug).start()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A maker's folder: the ESP32's example with an address."""
    made = tmp_path_factory.mktemp("maker")
    for path in EXAMPLE.glob("*.py"):
        made.joinpath(path.name).write_text(path.read_text().replace("verifier.example", "127.0.0.1:9"))
    (made / "ca.der").write_bytes(make_authority(made / "authority").ca_der.read_bytes())
    return made


@pytest.fixture(scope="module")
def modem() -> Iterator[Modem]:
    with Modem("quectel-ec25", card=CARD) as modem:
        yield modem


@pytest.fixture
def board(tmp_path: Path, modem: Modem) -> Iterator[ReplBoard]:
    with ReplBoard(tmp_path / "board", tty=modem.port) as board:
        yield board


def job(folder: Path, *parts: str, **different: object) -> Job:
    settings: dict[str, object] = {"start_s": 30, "back_s": 0.1, **different}
    return Job(given=maker_files(folder, None), parts=parts, **settings)  # type: ignore[arg-type]


def put_image(board: ReplBoard, folder: Path, files: dict[str, bytes]) -> None:
    """Puts a ROMFS image of these files onto a board without power."""
    for path, octets in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(octets)
    board.rom_image.write_bytes(image(folder).ljust(16 * 4096, b"\xff"))


def after_stopping(board: ReplBoard) -> dict[str, bytes]:
    board.stop()
    return board.files()


def command(*arguments: str) -> list[str]:
    return [*SIMBOND, "flash", *arguments]


def document(*arguments: str) -> dict:
    run = simbond("flash", *arguments, "--json")
    return {"status": run.returncode, **json.loads(run.stdout)}


def test_an_empty_board_gets_what_it_needs_and_a_second_run_changes_nothing(board, folder):
    first = document("--board", str(folder), "--port", board.port)
    assert first["status"] == 0, first
    (first,) = first["boards"]
    parts = {part["part"]: part["why"] for part in first["parts"]}
    assert parts.keys() == {"quectel", "http", "spool", "network_time"}
    assert "EC25" in parts["quectel"]
    files = after_stopping(board)
    assert {f for f in files if not f.startswith("/simbond/")} == {*first["written"]}
    assert files[OWN + "agent.mpy"][:2] == b"M\x06"

    board.start()
    (second,) = document("--port", board.port)["boards"]  # the board's own board.py says what it needs
    assert (second["written"], second["removed"]) == ([], [])
    assert second["kid"] == first["kid"]
    assert second["bootcount"] > first["bootcount"]
    assert second["unchanged"] + len(job(folder).given) - 1 == first["unchanged"] + len(first["written"])


def put_old(board: ReplBoard) -> None:
    """Stops a board, and puts an older agent onto it, with files that no flashing may touch."""
    board.stop()
    board.put({**UNTOUCHED, **OLD_AGENT, "/main.py": OLD_MAIN})


def flash_over_cuts(board: ReplBoard, wanted: Job, cuts: Iterable[int], dice: random.Random) -> dict[str, bytes]:
    """Flashes a board without power again and again, cut after so many octets of the host's, and in the end uncut.
    Holds at each cut: the old agent stands there whole, or nothing starts one. Returns the files of the end."""
    before = board.files()
    for cut in cuts:
        board.start()
        board.cut_after(cut, power=dice.random() < 0.5)
        with pytest.raises(Unplugged):
            flash(board.port, wanted, Silent())
        files = after_stopping(board)
        assert files == before or "/main.py" not in files
        assert {path: files.get(path) for path in UNTOUCHED} == UNTOUCHED
    board.start()
    with pytest.raises(NotStarted):  # the key is no key; the agent says so
        flash(board.port, wanted, Silent())
    return after_stopping(board)


def flashed(wanted: Job, lib: str) -> dict[str, bytes]:
    """All files of a board that got what is wanted, with the agent below lib."""
    agent = contents.agent(["quectel", "http", "spool", "network_time"], 6, plain=False)
    given = {f"/{name}": octets for name, octets in wanted.given.items()}
    return {**UNTOUCHED, **given, **{f"{lib}/{name}": octets for name, octets in agent.files.items()}}


@pytest.mark.parametrize("kind", ["littlefs", "fat"])
def test_cuts_leave_the_old_agent_or_none_or_the_new_one(kind, tmp_path, folder):
    dice = random.Random(f"flash {kind}")
    wanted = job(folder, "quectel")
    # It looks at the board first, and sends some 50 000 octets for all of it.
    cuts = (dice.randrange(100, 2500), *(dice.randrange(1500, 12_000) for _ in range(4)))
    with ReplBoard(tmp_path / "board", kind=kind) as board:
        put_old(board)
        files = flash_over_cuts(board, wanted, cuts, dice)
    assert files == flashed(wanted, "/lib")


def test_a_cable_that_comes_back_is_waited_for(board, folder):
    report = flash(board.port, job(folder, "quectel", back_s=30), Unplugging(board, 9000))

    assert report.started
    assert len(report.written) == 12


def test_a_killed_run_is_taken_up(board, folder, tmp_path):
    log = tmp_path / "log"
    with log.open("w") as sink:
        run = subprocess.Popen(command("--board", str(folder), "--with", "quectel", "--port", board.port), stderr=sink)
    while "writing" not in log.read_text():
        assert run.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()

    report = flash(board.port, job(folder, "quectel"), Silent())

    assert report.started
    assert not any(path.endswith((PART, ASIDE)) for path in after_stopping(board))


def test_ctrl_c_leaves_a_board_that_the_next_run_finishes(board, folder):
    run = subprocess.Popen(
        command("--board", str(folder), "--with", "quectel", "--port", board.port), stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    while "writing" not in run.stderr.readline():
        assert run.poll() is None
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert "Traceback" not in run.stderr.read()
    run.stderr.close()

    assert flash(board.port, job(folder, "quectel"), Silent()).started


def test_without_room_nothing_is_touched(tmp_path, folder):
    with ReplBoard(tmp_path / "board", blocks=12) as board:
        board.stop()
        board.put({"/main.py": OLD_MAIN})
        before = board.files()
        board.start()
        failed = document("--board", str(folder), "--with", "quectel", "--port", board.port)
        assert (failed["status"], failed["error"]["code"]) == (4, "board-full")
        assert after_stopping(board) == before


@pytest.mark.parametrize(
    ("files", "parts", "code", "says"),
    [
        ({"/simbond_agent/__init__.py": b""}, ["quectel"], "board-unfit", "mpremote rm"),
        ({}, ["quectell"], "board-file", "quectel,"),
        ({}, [], "board-file", "examples/"),
        ({"/board.py": b"url = 'https://a'\nca = '/my.der'"}, ["quectel"], "board-file", "--ca"),
        ({"/board.py": b"url = 'https://a'"}, ["quectel"], "board-unfit", "main.py"),
        ({"/board.py": b"url = 'https://a'\nstate_dir = '/lib/simbond_agent/s'"}, ["quectel"], "board-unfit", "keys"),
        ({"/board.py": b"import nothing"}, [], "board-file", "nothing"),
        ({"/board.py": b"import board\nurl = 'https://a'", "/main.py": b"1/0"}, ["quectel"], "not-started", "Zero"),
    ],
)
def test_what_is_wrong_is_said(files, parts, code, says, board):
    board.stop()
    board.put(files)
    board.start()
    with pytest.raises(FieldError, match=says) as caught:
        flash(board.port, Job(parts=tuple(parts), start_s=30), Silent())
    assert caught.value.code == code


def test_a_modem_is_no_board(modem):
    failed = document("--with", "quectel", "--port", modem.port)

    assert (failed["status"], failed["error"]["code"]) == (3, "no-micropython")


def test_of_several_boards_one_may_fail(board, folder):
    done = document("--board", str(folder), "--with", "quectel", "--port", board.port, "--port", "/dev/nothing-here")

    assert done["status"] == 1
    flashed, failed = done["boards"]
    assert flashed["kid"]
    assert failed["error"]["code"] == "no-port"


def test_a_dry_run_writes_nothing(board, folder):
    (would,) = document("--board", str(folder), "--with", "quectel", "--port", board.port, "--dry-run")["boards"]

    assert len(would["written"]) == 12
    assert after_stopping(board) == {}


@pytest.mark.parametrize("kind", ["memory", "blocks"])
def test_into_romfs_and_out_of_it(kind, tmp_path, folder):
    with ReplBoard(tmp_path / "board", rom=kind) as board:
        board.stop()
        board.put(OLD_AGENT)
        board.start()
        (first,) = document("--board", str(folder), "--with", "quectel", "--port", board.port, "--romfs")["boards"]
        assert first["place"] == IN_ROM
        assert first["removed"] == sorted(OLD_AGENT)
        files = after_stopping(board)
        assert files[f"{IN_ROM}/agent.mpy"][:2] == b"M\x06"
        assert not any(path.startswith("/lib") for path in files)

        board.start()
        second = flash(board.port, Job(start_s=30), Silent())  # it stays where it is
        assert (second.place, second.written, second.unchanged) == (IN_ROM, [], 2)
        third = flash(board.port, job(folder, romfs=False), Silent())
        assert third.started
        assert third.started["kid"] == first["kid"]
        files = after_stopping(board)
        assert OWN + "agent.mpy" in files
        assert not any(path.startswith("/rom") for path in files)


def test_cuts_while_romfs_is_written_leave_the_old_agent_or_none_or_the_new_one(tmp_path, folder):
    dice = random.Random("flash romfs")
    wanted = job(folder, "quectel", romfs=True)
    # A look at the board takes some 7000 octets, the image 55 000.
    cuts = [dice.randrange(begin, 2 * begin) for begin in (3_500, 3_500, 10_000, 30_000)]
    with ReplBoard(tmp_path / "board", rom="memory") as board:
        put_old(board)
        put_image(board, tmp_path / "old", {"simbond_agent/agent.mpy": b"an older one"})
        files = flash_over_cuts(board, wanted, cuts, dice)
    assert files == flashed(wanted, "/rom")


@pytest.mark.parametrize(
    ("rom", "others", "code", "says"),
    [
        ({"rom": "memory"}, {"lib/display.mpy": b"M"}, "board-unfit", "--replace-romfs"),
        ({"rom": "memory", "rom_size": 16384}, {}, "board-full", "16384"),
        ({"rom": "fixed"}, {}, "board-unfit", "--no-romfs"),
        ({}, {}, "board-unfit", "freeze"),
    ],
)
def test_what_keeps_it_out_of_romfs_is_said_before_anything_is_lost(rom, others, code, says, tmp_path, folder):
    with ReplBoard(tmp_path / "board", **rom) as board:
        board.stop()
        board.put({"/main.py": OLD_MAIN})
        if others:
            put_image(board, tmp_path / "others", others)
        before = board.files()
        board.start()
        with pytest.raises(FieldError, match=says) as caught:
            flash(board.port, job(folder, "quectel", romfs=True), Silent())
        assert caught.value.code == code
        assert after_stopping(board) == before
        if others:
            board.start()
            flash(board.port, job(folder, "quectel", romfs=True, replace_romfs=True), Silent())
            files = after_stopping(board)
            assert f"{IN_ROM}/agent.mpy" in files
            assert "/rom/lib/display.mpy" not in files


def test_a_small_heap_has_the_agent_in_romfs_by_itself(tmp_path, folder):
    with ReplBoard(tmp_path / "board", rom="memory", frozen="_held = bytearray(100_000)\n") as board:
        report = flash(board.port, job(folder, "quectel", dry=True), Silent())
    assert (report.place, report.hints) == (IN_ROM, [])
