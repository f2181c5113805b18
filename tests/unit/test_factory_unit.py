"""What a station finds out about a unit, whatever stands on its console."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simbond_tools.factory.label import FORMATS, Label, save
from simbond_tools.factory.station import Station, create
from simbond_tools.factory.summary import summarize
from simbond_tools.factory.unit import Outcome, Plan, Result, Stage, provision
from simbond_tools.qr import halves
from support.attester import Attester
from support.console_device import ConsoleDevice


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    create(tmp_path / "s", "line-1")
    with Station(tmp_path / "s") as made:
        yield made


def test_a_unit_that_is_right(station: Station) -> None:
    stages: list[Stage] = []
    with ConsoleDevice(Attester()) as device:
        result = provision(station, device.port, Plan(order="PO-1"), told=stages.append)
        again = provision(station, device.port, Plan())

    assert (result.outcome, result.entry, result.order) == (Outcome.ENDORSED, 1, "PO-1")
    assert (again.outcome, again.entry, again.order) == (Outcome.KNOWN, 1, "PO-1")
    assert stages == [Stage.ASKED, Stage.REQUESTED, Stage.PROVED, Stage.ENDED]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"imei": ""}, "imei-missing"),
        ({"imei": "001234050000010"}, "imei-test"),
        ({"imei": "000000000000000"}, "request"),
        ({"iccid": None, "imsi": None}, "no-card"),
        ({"imsi": None}, "no-card"),
    ],
)
def test_a_unit_that_is_not_to_leave_the_factory(station: Station, said: dict[str, str | None], code: str) -> None:
    with ConsoleDevice(replace(Attester(), **said)) as device:  # type: ignore[arg-type]
        result = provision(station, device.port, Plan())

    assert (result.outcome, result.code) == (Outcome.STOPPED, code)
    assert result.as_label() is None
    assert len(station) == 0


def test_a_recorded_request_is_not_a_device(station: Station) -> None:
    """The line has a request that was recorded from a good device, and another key."""
    with ConsoleDevice(Attester()) as device:
        device.enrolment = Attester().enrolment()
        result = provision(station, device.port, Plan())
    assert result.code == "not-proved"
    assert len(station) == 0


def test_a_recorded_proof_is_none(station: Station) -> None:
    with ConsoleDevice(Attester()) as device:
        device.proof = device.device.evidence(bytes(16))
        assert provision(station, device.port, Plan()).code == "not-proved"
        device.proof = device.device.evidence(bytes(8))
        assert provision(station, device.port, Plan()).code == "not-proved"
        device.proof = b"\x00"
        assert provision(station, device.port, Plan()).code == "not-proved"
    assert len(station) == 0


def test_a_card_that_was_changed_meanwhile(station: Station) -> None:
    with ConsoleDevice(Attester()) as device:
        device.enrolment = replace(device.device, iccid="89860012345678901245").enrolment()
        assert provision(station, device.port, Plan()).code == "changed"
    assert len(station) == 0


LABEL = Label("3925b726f7929926", "86123405000001", "89860012345678901237", "PO-1", "meter <1>")


def test_a_label_has_the_check_digit_that_is_printed_on_the_module() -> None:
    assert LABEL.printed_imei == "861234050000010"
    assert LABEL.code == "SIMBOND/1/3925B726F7929926/861234050000010/89860012345678901237"
    assert LABEL.lines == [
        "order PO-1",
        "label meter <1>",
        "IMEI 861234050000010",
        "ICCID 89860012345678901237",
        "key 3925b726f7929926",
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_a_label_is_written(tmp_path: Path, form: str) -> None:
    path = save(LABEL, tmp_path / "labels", form)  # type: ignore[arg-type]

    assert path.name == f"3925b726f7929926.{form}"
    octets = path.read_bytes()
    assert octets.startswith({"svg": b"<?xml", "png": b"\x89PNG", "txt": b"order PO-1"}[form])
    if form == "svg":
        assert b"meter &lt;1&gt;" in octets


def test_a_label_on_a_terminal_fits_it() -> None:
    assert max(map(len, halves(LABEL.qr))) < 60


def result(outcome: Outcome, kid: str | None = None, code: str = "") -> Result:
    return Result("port", outcome, 1.0, kid, code=code)


def test_a_summary_counts_a_unit_by_its_last_result() -> None:
    found = summarize(
        [
            result(Outcome.STOPPED, "a", "no-card"),
            result(Outcome.ENDORSED, "a"),
            result(Outcome.KNOWN, "a"),
            result(Outcome.KNOWN, "b"),
            result(Outcome.STOPPED, None, "no-agent"),
            result(Outcome.STOPPED, None, "no-agent"),
            result(Outcome.STOPPED, "c", "imei-test"),
        ]
    )
    assert found == (1, 1, 3, {"no-agent": 2, "imei-test": 1})
    assert found.yield_ == 0.4
    assert summarize([]).yield_ is None
