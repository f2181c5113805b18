"""The technician's folder: whose orders are believed, and that a result which was said to be kept is there."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import segno

from simbond_tools.client import ApiProblem
from simbond_tools.onsite import checking, durable, pins, results
from simbond_tools.onsite.bundle import Bundle, Kind, keep, open_bundle
from simbond_tools.onsite.errors import BundleExpired, BundleForged, ClockWrong, FolderUnusable, NoBundle, NotInOrders
from simbond_tools.onsite.qr import code as qr_code
from simbond_tools.onsite.upload import upload
from simbond_tools.qr import halves
from simbond_verifier.work_orders.finding import Finding
from simbond_verifier.work_orders.proof import from_text, to_text, without_statement
from support.attester import Attester, Sim
from support.work_orders import DAY_S, NOW, Office, answer, known

OFFICE = Office()
DEVICE = Attester()
OTHER = Attester("861234050000021", "89860012345678901245", "460001234567891")
PROOF = answer(OFFICE.issue(DEVICE), DEVICE)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """With work orders for two devices."""
    folder = tmp_path / "work"
    pins.write(folder, (OFFICE.key.public,))
    devices = tuple(known(DEVICE, OTHER).values())
    keep(folder, OFFICE.sealed(OFFICE.order(DEVICE, 1), OFFICE.order(OTHER, 2), devices=devices))
    return folder


def refused(error: type[Exception], folder: Path, now: float = NOW) -> str:
    with pytest.raises(error) as caught:
        open_bundle(folder, now)
    return str(caught.value)


def test_work_orders_are_good_for_their_time(folder: Path) -> None:
    assert [order.number for order in open_bundle(folder, NOW).orders] == [1, 2]
    assert open_bundle(folder, NOW + DAY_S).technician == "tomas"
    assert "fetch" in refused(BundleExpired, folder, NOW + DAY_S + 1)


def test_a_clock_that_stands_before_the_orders_were_made(folder: Path) -> None:
    assert open_bundle(folder, NOW - 200)
    assert "clock" in refused(ClockWrong, folder, NOW - DAY_S)


def test_a_bundle_by_somebody_else_is_not_believed(folder: Path) -> None:
    other = Office()
    keep(folder, other.sealed(other.order(DEVICE)))
    assert "tell the office" in refused(BundleForged, folder)


def test_a_bundle_that_was_edited_is_not_believed(folder: Path) -> None:
    file = folder / "work-orders.cbor"
    file.write_bytes(file.read_bytes().replace(b"Meter 7", b"Meter 8"))
    refused(BundleForged, folder)


def test_before_the_first_fetch(tmp_path: Path) -> None:
    assert "simbond work-orders fetch" in refused(NoBundle, tmp_path)
    keep(tmp_path, OFFICE.sealed())
    assert "simbond work-orders fetch" in refused(NoBundle, tmp_path)


@pytest.mark.parametrize("text", ["", "{}", '{"keys": ["04"]}', '{"keys": 1}', "\x00"])
def test_pins_that_are_damaged(folder: Path, text: str) -> None:
    (folder / "verifier-keys.json").write_text(text)
    assert "damaged" in refused(FolderUnusable, folder)


def bundle(*numbers: int) -> Bundle:
    made = {1: OFFICE.order(DEVICE, 1), 2: OFFICE.order(OTHER, 2), 3: OFFICE.order(DEVICE, 3)}
    swap = OFFICE.order(DEVICE, 4)._replace(kind=Kind.SWAP)
    return OFFICE.bundle(*(made[number] for number in numbers), swap)


def test_which_order_a_device_is_about() -> None:
    assert checking.choose(bundle(1, 2), None, DEVICE.kid.hex()).number == 1
    assert checking.choose(bundle(1, 2), None, OTHER.kid.hex()).number == 2
    assert checking.choose(bundle(1, 2), 2, DEVICE.kid.hex()).number == 2, "the person decides"
    assert checking.choose(bundle(2), None, DEVICE.kid.hex()).number == 2, "there is no other"
    assert checking.choose(bundle(1, 3), 3, None).number == 3


@pytest.mark.parametrize(
    ("numbers", "number", "kid", "says"),
    [
        ((1, 2), None, "00" * 8, "1 (89860012345678901237), 2 (89860012345678901245)"),
        ((1, 2, 3), None, None, "1, 3"),
        ((1, 2), 4, None, "no work order 4"),
        ((), None, None, "simbond work-orders fetch"),
    ],
)
def test_no_order_or_more_than_one(numbers: tuple[int, ...], number: int | None, kid: str | None, says: str) -> None:
    with pytest.raises(NotInOrders) as caught:
        checking.choose(bundle(*numbers), number, kid or DEVICE.kid.hex())
    assert says in str(caught.value)


def test_what_is_kept_and_for_how_long(folder: Path) -> None:
    path = results.keep(folder, 7, PROOF)
    assert results.keep(folder, 7, PROOF) == path, "the same is the same file"
    assert (results.pending(folder), results.number(path)) == ([path], 7)
    assert from_text(path.read_text()) == PROOF
    (folder / "results" / "notes.txt").write_text("somebody's")
    assert results.pending(folder) == [path]
    put_aside = results.refuse(path, "result-forged", "why")
    assert (results.pending(folder), list(results.refused(folder))) == ([], [put_aside])
    assert from_text(put_aside.path.read_text()) == PROOF
    if os.name == "posix":
        assert put_aside.path.stat().st_mode & 0o077 == 0


class PowerCut(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("step", range(11))
def test_a_power_cut_at_any_step_of_putting_a_result_aside_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    path = results.keep(folder, 7, PROOF)
    with monkeypatch.context() as patched:
        steps = iter(range(100))

        def cut(real: Callable[..., object]) -> Callable[..., object]:
            def instead(*arguments: object, **more: object) -> object:
                if next(steps) == step:
                    raise PowerCut
                return real(*arguments, **more)

            return instead

        patched.setattr(os, "fsync", cut(os.fsync))
        patched.setattr(Path, "replace", cut(Path.replace))
        patched.setattr(Path, "unlink", cut(Path.unlink))
        try:
            results.refuse(path, "code", "why")
        except PowerCut:
            assert step < 10
    there = results.pending(folder) + [each.path for each in results.refused(folder)]
    assert there
    assert all(from_text(file.read_text()) == PROOF for file in there)
    for left in results.pending(folder):
        results.refuse(left, "code", "why")
    assert [(each.code, from_text(each.path.read_text())) for each in results.refused(folder)] == [("code", PROOF)]


WRITER = """
import sys
from pathlib import Path
from simbond_tools.onsite import results
from simbond_verifier.work_orders.proof import from_text
folder, proof = Path(sys.argv[1]), from_text(sys.argv[2])
for number in range(1, 100000):
    print(number, results.keep(folder, number, proof), flush=True)
"""


def test_what_was_said_to_be_kept_outlasts_a_kill(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path), to_text(PROOF)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20)]
        time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    whole = [line.split() for line in said if line.endswith("\n")]
    assert len(whole) >= 20
    assert {Path(path) for _, path in whole} <= set(results.pending(tmp_path))
    assert {from_text(path.read_text()) for path in results.pending(tmp_path)} == {PROOF}


class Verifier:
    """Answers uploads as it is told."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def post_again(self, path: str, document: dict[str, str]) -> object:
        self.asked.append(path)
        assert from_text(document["result"]) == PROOF
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


def problem(status: int, code: str) -> ApiProblem:
    return ApiProblem(status, {"type": f"urn:simbond:problem:{code}", "detail": f"{code}."})


TAKEN = {"finding": "confirmed", "check_ended": False}


def test_what_the_verifier_takes_is_gone_and_what_it_refuses_is_put_aside(folder: Path) -> None:
    for number in (1, 2, 3):
        os.utime(results.keep(folder, number, PROOF), (number, number))
    verifier = Verifier(TAKEN, problem(422, "result-forged"), problem(404, "work-order-unknown"))
    handed = upload(folder, verifier)  # type: ignore[arg-type]
    assert verifier.asked == [f"/v1/work-orders/{number}/result" for number in (1, 2, 3)]
    assert [(done.number, done.finding) for done in handed.uploaded] == [(1, Finding.CONFIRMED)]
    assert [each.code for each in handed.refused] == ["result-forged", "work-order-unknown"]
    assert results.pending(folder) == []
    assert [each.detail for each in results.refused(folder)] == ["result-forged.", "work-order-unknown."]


@pytest.mark.parametrize("answer_", [problem(401, "token"), problem(503, "busy"), problem(404, "http")])
def test_what_says_nothing_about_a_result_leaves_it_waiting(folder: Path, answer_: ApiProblem) -> None:
    path = results.keep(folder, 1, PROOF)
    with pytest.raises(ApiProblem):
        upload(folder, Verifier(answer_))  # type: ignore[arg-type]
    assert results.pending(folder) == [path]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="Cannot write"):
        durable.write(tmp_path / "file" / "more", b"")


def test_a_result_fits_a_terminal_of_80_by_40_as_a_qr_code() -> None:
    largest = Attester(
        cell=bytes.fromhex("64f00002b94ef123456789ab"),
        sim=Sim(),
        bootcount=2**32 - 1,
        uptime=2**32 - 9,
        scenario=65535,
        status=65535,
    )
    for device, imei2 in ((DEVICE, None), (largest, "86123405000002")):
        proof = answer(OFFICE.issue(device, order=2**31, imei2=imei2), device)
        rows = halves(qr_code(proof))
        assert {len(row) for row in rows} == {len(rows[0])}
        assert len(rows[0]) <= 80
        assert len(rows) <= 38, "and a line of words, and the prompt"
        code = segno.make(to_text(without_statement(proof)), error="l", boost_error=False)
        assert modules(rows) == [list(row) for row in code.matrix]


def modules(rows: list[str]) -> list[list[int]]:
    """The code that the halves draw, without its margin."""
    upper, lower = {" ": 0, "▀": 1, "▄": 0, "█": 1}, {" ": 0, "▀": 0, "▄": 1, "█": 1}
    drawn = [[half[character] for character in row] for row in rows for half in (upper, lower)]
    size = len(drawn[0])
    return [row[4 : size - 4] for row in drawn[4 : size - 4]]
