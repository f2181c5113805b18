"""`simbond check` as a technician runs it: a laptop without a network, a cable, and the agent under MicroPython at its
other end. And what somebody could try who owns the laptop."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from simbond_tools.field.console import Console
from simbond_tools.field.line import open_line
from simbond_tools.onsite import pins, results
from simbond_tools.onsite.qr import code as qr_code
from simbond_tools.qr import halves
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders.proof import Proof, from_text, to_text
from support.attester import Attester
from support.cards import CARD, OTHER_CARD
from support.damage import flipped
from support.screens import Terminal, kept
from support.site import NOWHERE, Site, site_on_cable
from support.work_orders import Office, answer


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_on_cable(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(name="site")
def _site(base: Site, tmp_path: Path) -> Site:
    return base.laptop(tmp_path / "laptop")


@pytest.fixture(scope="module", name="proof")
def _proof(base: Site, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Proof]:
    """A work order, and the device's good answer to it, which nobody has uploaded."""
    site = base.laptop(tmp_path_factory.mktemp("proof"))
    said = site.check()
    assert said["finding"] == "confirmed"
    return site.number, from_text(said["result"])


def test_the_whole_way_from_the_office_to_the_meter_and_back(base: Site, tmp_path: Path) -> None:
    operator, folder = base.operator, ("--folder", str(tmp_path))
    order = ("work-orders", "create", CARD.iccid, "--technician", "technician", "--words", "Meter 7")
    number = operator.json(*order)["number"]
    fetched = operator.json("work-orders", "fetch", *folder, role="technician")
    assert (fetched["key"]["learnt"], fetched["orders"][-1]["number"]) == (True, number)
    before = base.history()

    said = replace(base, folder=tmp_path, number=number).check()

    assert (said["finding"], said["found"]["iccid"], said["order"]["words"]) == ("confirmed", CARD.iccid, "Meter 7")
    assert [str(path) for path in results.pending(tmp_path)] == [said["kept"]]
    assert CARD.imsi not in json.dumps(said)
    done = operator.json("check", "--upload", *folder, role="technician")
    assert done["uploaded"] == [{"number": number, "finding": "confirmed", "check_ended": False}]
    assert (results.pending(tmp_path), base.history()) == ([], [*before, "confirmed"])
    shown = operator.json("work-orders", "show", str(number))
    assert (shown["outcome"], [result["finding"] for result in shown["results"]]) == ("done", ["confirmed"])
    listed = operator.json("work-orders", "list", "--open")["orders"]
    assert number not in [order["number"] for order in listed]


def test_somebody_else_confirms_it_with_work_orders_of_their_own_or_online(
    site: Site, proof: tuple[int, Proof], tmp_path: Path
) -> None:
    number, shown = proof
    file = tmp_path / "shown.txt"
    file.write_text(to_text(shown) + "\n")
    assert site.verify(str(file))["ordered"]["number"] == number
    online = site.operator.json("check", "--verify", to_text(shown), "--online", role="viewer")
    assert (online["finding"], online["verifier"]["number"]) == ("confirmed", number)
    assert site.verify("SB1:00", code=7)["error"]["code"] == "result-malformed"


def test_with_a_network_and_a_token_a_check_uploads_at_once(site: Site) -> None:
    said = site.operator.json(*site.command, role="technician")
    assert (said["kept"], [done["finding"] for done in said["uploaded"]]) == (None, ["confirmed"])


def test_what_else_may_be_found_changes_no_card(site: Site) -> None:
    site.device.remove()
    try:
        assert site.check(code=1)["finding"] == "tray-empty"
        site.device.insert(OTHER_CARD)
        found = site.check(code=1)
        assert (found["finding"], found["found"]["iccid"]) == ("other-card", OTHER_CARD.iccid)
        site.device.remove()
    finally:
        site.device.insert(CARD)
    assert {done.finding for done in site.upload().uploaded} == {"tray-empty", "other-card"}
    with site.server.api() as api:
        assert api.get(f"/v1/cards/{CARD.iccid}")["state"] == "bound"


def test_another_device_than_the_order_s(site: Site, tmp_path: Path) -> None:
    elsewhere = site.laptop(tmp_path / "other", site.operator.bound().iccid)
    said = elsewhere.check(code=1)
    assert (said["finding"], said["device"]) == ("other-device", site.kid)
    assert replace(site, number=999999).check(code=5)["error"]["code"] == "not-in-orders"


def test_a_bundle_of_the_laptop_s_owner_is_not_believed(site: Site) -> None:
    office = Office()
    (site.folder / "work-orders.cbor").write_bytes(office.sealed(office.order(Attester(iccid=CARD.iccid))))
    assert site.check(code=4)["error"]["code"] == "work-orders-forged"


def test_whoever_owns_the_laptop_deceives_that_laptop_and_nobody_else(site: Site, tmp_path: Path) -> None:
    """He has it trust a key of his own, and answers his own order with a device of his own."""
    honest = site.laptop(tmp_path / "honest")
    office, device, now = Office(), Attester(iccid=CARD.iccid), int(time.time())
    order = office.order(device, site.number, issued=now)
    pins.write(site.folder, (office.key.public,))
    (site.folder / "work-orders.cbor").write_bytes(bundles.seal(office.bundle(order, issued=now), office.key))
    made = answer(order.signed, device)
    assert site.verify(to_text(made))["finding"] == "confirmed"

    assert honest.verify(to_text(made), code=1)["finding"] == "forged"
    before = site.history()
    site.put(made, site.number)
    assert [each.code for each in site.upload().refused] == ["result-forged"]
    assert (results.pending(site.folder), site.history()) == ([], before)


def test_results_that_were_edited_recorded_or_put_under_another_order_are_refused_and_stay_with_the_reason(
    site: Site, proof: tuple[int, Proof]
) -> None:
    number, good = proof
    with open_line(site.device.port) as line:
        recorded = Console(line).prove(bytes(range(16)))
    before = site.history()
    for made, under, code in (
        (good._replace(evidence=flipped(good.evidence)), number, "result-signature-bad"),
        (good._replace(evidence=recorded), number, "result-challenge-wrong"),
        (good, site.number, "work-order-other"),
        (good, 999999, "work-order-unknown"),
    ):
        site.put(made, under)
        (refused,) = site.upload().refused
        why = json.loads(refused.path.with_suffix(".why.json").read_text())
        assert (refused.code, why["code"], from_text(refused.path.read_text())) == (code, code, made)
    assert (results.pending(site.folder), site.history()) == ([], before)


def test_a_result_outlasts_a_kill_while_it_is_uploaded(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Terminal(*site.command, env=site.server.environment("technician") | {"SIMBOND_URL": url}):
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(4) == b"POST"
    assert len(results.pending(site.folder)) == 1
    assert [done.finding for done in site.upload().uploaded] == ["confirmed"]


def test_a_key_of_the_verifier_that_changed_is_a_question(site: Site) -> None:
    fetch_ = ("work-orders", "fetch", "--folder", str(site.folder))
    before = {path: path.read_bytes() for path in site.folder.iterdir()}
    kid = site.operator.json("signing-key", "rotate", "--db", str(site.server.db))["kid"]
    refused = site.operator.json(*fetch_, role="technician", exit_code=4)["error"]
    assert (refused["code"], kid in refused["detail"]) == ("verifier-key-changed", True)
    assert {path: path.read_bytes() for path in site.folder.iterdir()} == before
    accepted = site.operator.json(*fetch_, "--accept-key", kid, role="technician")
    assert accepted["key"] == {"kid": kid, "learnt": True}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("what", ["confirmed", "other-device"])
def test_the_screen(base: Site, what: str, lang: str) -> None:
    """Code and verdict stand on one screen of 40 lines."""
    iccid = CARD.iccid if what == "confirmed" else base.operator.bound().iccid
    with TemporaryDirectory(prefix="sb") as folder:
        site = base.laptop(Path(folder), iccid)
        with Terminal(*site.command, lang=lang, env=NOWHERE) as terminal:
            assert terminal.end() == (0 if what == "confirmed" else 1)
        (waits,) = results.pending(site.folder)
        drawn = halves(qr_code(from_text(waits.read_text())))
    code = "\n".join(row.rstrip() for row in drawn)
    _, below = terminal.text.split(code)
    assert len(drawn) + len(below.strip("\n").splitlines()) < 40
    replaced = {
        code: f"[the QR code: {len(drawn[0])} columns, {len(drawn)} rows]",
        waits.name: "17-5f3a9c0d1e2b4a68.txt",
        folder: "work-orders",
        site.device.port: "/dev/ttyUSB2",
        f"check {site.number} ": "check 17 ",
        f"order {site.number}:": "order 17:",
        f"工单 {site.number}：": "工单 17：",
        site.kid: "3925b726f7929926",
        iccid: CARD.iccid if what == "confirmed" else "89860012345678900017",
    }
    kept(f"check-{what}", terminal, replaced | ({} if what == "confirmed" else {imei_of(terminal): "861234050000176"}))


def imei_of(terminal: Terminal) -> str:
    """The first one on a screen: tests before this one had other devices."""
    found = re.search(r"IMEI (\d{15})", terminal.text)
    assert found
    return found[1]
