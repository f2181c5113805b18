"""`simbond cards` against a real `simbond serve`."""

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.cells import cell_len

from simbond_agent import claims
from support.attester import Attester, Sim
from support.operator import HEADER, Operator, new_device, row
from support.server import SIMBOND, VerifierServer

SILENT_HLR = "osmo-hlr://127.0.0.1?ctrl=1&gsup=1&vty=1&timeout=0.2"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with VerifierServer(tmp_path_factory.mktemp("verifier")) as server:
        yield Operator(server)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Operator]:
    """At a verifier that no other test uses."""
    with VerifierServer(tmp_path) as server:
        yield Operator(server)


def attest(operator: Operator, device: Attester) -> None:
    with httpx.Client(base_url=operator.server.url) as http:
        result = http.post("/v1/challenge", content=device.kid).content
        http.post("/v1/evidence", content=device.evidence(result[-claims.NONCE_OCTETS :])).raise_for_status()


def test_a_card_list_from_a_spreadsheet_is_imported(operator: Operator, tmp_path: Path) -> None:
    device = new_device()
    listed = tmp_path / "cards.csv"
    text = f"ICCID;IMSI;Scenario;MSISDN;Customer\r\n{device.iccid};{device.imsi};meter;+8613800138000;浦东水务\r\n"
    listed.write_text(text, encoding="utf-8-sig", newline="")

    assert operator.ok("cards", "import", str(listed), role="operator") == "1 imported, 0 there already.\n"

    card = operator.json("cards", "show", device.iccid)
    assert (card["imsi"], card["msisdn"], card["customer"]) == (device.imsi, "8613800138000", "浦东水务")


def test_an_interrupted_import_is_simply_repeated(operator: Operator) -> None:
    first, second = new_device(), new_device()
    operator.imported(first)

    again = operator.json("cards", "import", "-", stdin=(HEADER + row(first) + row(second)).encode())

    assert again == {"imported": 1, "unchanged": 1, "faults": []}


def bad_list(good: Attester) -> bytes:
    """Three bad rows around a good one."""
    wrong_scenario = row(new_device(), scenario="nowhere")
    return (HEADER + "123,46000,meter,,\n" + row(good) + wrong_scenario + "1,2\n").encode()


def test_every_bad_row_is_named_and_nothing_is_imported(operator: Operator) -> None:
    good = new_device()

    told = operator.error_text(4, "cards", "import", "-", stdin=bad_list(good))

    assert "nothing was imported" in told
    for fault in (
        "line 2, iccid: '123'",
        "line 2, imsi: '46000'",
        "line 4, scenario: 'nowhere'",
        "line 5: has 2 fields",
    ):
        assert fault in told
    assert operator.error(5, "cards", "show", good.iccid) == "card-unknown"


def test_bad_rows_are_in_the_json_error(operator: Operator) -> None:
    error = operator.json("cards", "import", "-", stdin=bad_list(new_device()), exit_code=4)["error"]

    assert error["code"] == "csv-rows"
    assert "the good rows alone: --partial" in error["detail"]
    assert [(f["line"], f["column"]) for f in error["faults"]] == [(2, "iccid"), (2, "imsi"), (4, "scenario"), (5, "")]
    assert all(f["problem"] for f in error["faults"])


def test_partial_imports_the_good_rows_and_names_the_others(operator: Operator) -> None:
    rows = bad_list(new_device())

    done = operator.server.simbond("cards", "import", "-", "--partial", stdin=rows)

    assert (done.returncode, done.stdout) == (0, "1 imported, 0 there already, 3 left out.\n")
    assert done.stderr.count("\n  line ") == 4
    again = operator.json("cards", "import", "-", "--partial", stdin=rows)
    assert (again["imported"], again["unchanged"], len(again["faults"])) == (0, 1, 4)


def test_a_list_that_cannot_be_read_at_all_is_refused(operator: Operator) -> None:
    assert operator.error(4, "cards", "import", "-", stdin=b"card,number\n1,2\n") == "csv-header"
    assert operator.error(4, "cards", "import", "-", stdin=HEADER.encode("utf-16")) == "csv-encoding"
    assert operator.error(7, "cards", "import", "/does/not/exist.csv") == "file"


def test_the_list_shows_no_imsi_and_no_msisdn(alone: Operator) -> None:
    device = new_device()
    alone.imported(device)

    listed = alone.ok("cards", "list", role="viewer")

    assert listed.startswith(f"{device.iccid}\tstock\tallowed\tmeter\t\tPudong Water\t")
    assert device.imsi not in listed
    assert "13800138000" not in listed


def test_a_long_list_is_complete_everywhere_but_on_a_terminal(alone: Operator) -> None:
    alone.imported(*(new_device() for _ in range(1234)))

    document = alone.json("cards", "list")
    shown = on_a_terminal(alone, "cards", "list")

    assert (len(document["cards"]), document["more"]) == (1234, False)
    assert all(card["imsi"] for card in document["cards"])
    assert len(alone.ok("cards", "list").splitlines()) == 1234
    assert "ICCID" in shown
    assert shown.count("8986001234") == 50
    assert "There are more; --limit" in shown
    assert on_a_terminal(alone, "cards", "list", "--limit", "1100").count("8986001234") == 1100


def on_a_terminal(operator: Operator, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = os.environ | operator.server.environment() | {"COLUMNS": "160"}
    process = subprocess.Popen([*SIMBOND, *arguments], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while octets := os.read(ours, 4096):
            shown += octets
    except OSError:  # EIO: nobody has the other end any more
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return shown.decode()


def test_the_list_may_be_limited_and_by_state(alone: Operator) -> None:
    first, second = new_device(), new_device()
    alone.imported(first, second)
    alone.ok("cards", "suspend", second.iccid, "--reason", "stolen")

    limited = alone.json("cards", "list", "--limit", "1")
    suspended = alone.json("cards", "list", "--state", "suspended")

    assert ([c["iccid"] for c in limited["cards"]], limited["more"]) == ([first.iccid], True)
    assert ([c["iccid"] for c in suspended["cards"]], suspended["more"]) == ([second.iccid], False)


def test_show_tells_all_and_what_to_do_next(operator: Operator) -> None:
    device = operator.bound()

    shown = operator.ok("cards", "show", device.iccid, role="viewer")

    for said in (device.iccid, device.imsi, "8613800138000", "Pudong Water", "bound since", device.kid.hex()):
        assert said in shown
    operator.ok("cards", "suspend", device.iccid, "--reason", "stolen", "--wait", "30")
    shown = operator.ok("cards", "show", device.iccid)
    assert "barred; confirmed after" in shown
    assert f"simbond cards resume {device.iccid}" in shown


def test_an_iccid_is_taken_as_it_is_printed(operator: Operator) -> None:
    device = new_device()
    operator.imported(device)
    printed = " ".join(device.iccid[i : i + 4] for i in range(0, 20, 4))

    assert operator.json("cards", "show", printed)["iccid"] == device.iccid


@pytest.mark.parametrize("wrong", ["123", "../devices", "8986001234567890123x", ""])
def test_what_is_no_iccid_is_wrong_usage(operator: Operator, wrong: str) -> None:
    assert operator.error(2, "cards", "show", wrong) == "usage"


def test_a_card_is_bound_to_an_enrolled_device(operator: Operator) -> None:
    device, other = new_device(), new_device()
    operator.imported(device, other)
    operator.enrolled(device)
    kid = device.kid.hex()

    said = operator.ok("cards", "bind", device.iccid, "--device", kid.upper(), role="operator")

    assert said == f"Card {device.iccid} is bound: device {kid}, scenario meter.\n"
    assert operator.json("cards", "bind", device.iccid, "--device", kid)["state"] == "bound"
    assert operator.error(4, "cards", "bind", other.iccid, "--device", kid) == "device-bound"
    assert operator.error(5, "cards", "bind", other.iccid, "--device", "00" * 8) == "device-unknown"
    assert operator.error(4, "cards", "bind", device.iccid, "--device", kid, "--scenario", "x") == "scenario-unknown"
    assert operator.error(2, "cards", "bind", device.iccid, "--device", "x") == "usage"


def test_the_key_of_a_sim_is_registered_and_removed(operator: Operator, tmp_path: Path) -> None:
    device, other, sim = operator.bound(), operator.bound(), Sim()
    pem = tmp_path / "sim.pem"
    pem.write_bytes(sim.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    order = ("cards", "sim-key", device.iccid or "", "--reason", "delivered with the batch")

    assert "none registered" in operator.ok("cards", "show", device.iccid)
    said = operator.ok(*order, "--key", f"@{pem}", role="operator")

    assert said == f"Card {device.iccid} has a SIM key.\n"
    assert sim.point.hex() in operator.ok("cards", "show", device.iccid, role="viewer")
    assert operator.json(*order, "--key", sim.point.hex())["sim_key"] == sim.point.hex()
    again = ("cards", "sim-key", other.iccid or "", "--reason", "x", "--key", sim.point.hex())
    assert operator.error(4, *again) == "sim-key-registered"
    assert "The key of the card's SIM was registered.\n    by operator;" in operator.ok(
        "cards", "history", device.iccid
    )
    assert operator.ok(*order, "--remove") == f"Card {device.iccid} has no SIM key.\n"
    assert operator.error(2, *order) == "usage"
    assert operator.error(2, *order, "--remove", "--key", sim.point.hex()) == "usage"
    assert operator.error(2, *order, "--key", "04ab") == "usage"


def test_a_card_list_may_bring_the_keys_of_sims(operator: Operator) -> None:
    device, sim = new_device(), Sim()
    lines = f"iccid,imsi,scenario,sim_key\n{device.iccid},{device.imsi},meter,"

    told = operator.json("cards", "import", "-", stdin=(lines + "04ab").encode(), exit_code=4)
    operator.ok("cards", "import", "-", stdin=(lines + sim.point.hex()).encode())

    assert told["error"]["faults"][0]["column"] == "sim_key"
    assert operator.json("cards", "show", device.iccid)["sim_key"] == sim.point.hex()


def test_suspend_waits_until_the_network_says_so(operator: Operator) -> None:
    device = operator.bound()

    said = operator.ok("cards", "suspend", device.iccid, "--reason", "stolen", "--wait", "30", role="operator")

    assert said.startswith(f"Card {device.iccid} is suspended; network: barred, confirmed after ")
    with operator.server.api("viewer") as api:
        assert api.get(f"/v1/subscribers/{device.imsi}")["access"] == "barred"
    again = operator.json("cards", "suspend", device.iccid, "--reason", "again", "--wait", "0")
    assert again["enforcement"]["outcome"] == "confirmed"


def test_resume_opens_a_reverification_or_lifts_for_good(operator: Operator) -> None:
    device = operator.bound()
    operator.ok("cards", "suspend", device.iccid, "--reason", "test")

    opened = operator.ok("cards", "resume", device.iccid, "--reason", "found again", "--wait", "30")

    assert "is reverifying; network: allowed, confirmed after" in opened
    assert "has to attest by" in opened
    lifted = operator.json("cards", "resume", device.iccid, "--reason", "appeal upheld", "--without-reverification")
    assert (lifted["state"], lifted["access"], lifted["deadline"]) == ("bound", "allowed", None)
    assert operator.error(4, "cards", "resume", device.iccid, "--reason", "again") == "state"


def test_a_retired_card_stays_retired(operator: Operator) -> None:
    device = operator.bound()

    said = operator.ok("cards", "retire", device.iccid, "--reason", "scrap", "--wait", "30")

    assert "is retired; network: barred, confirmed" in said
    assert operator.error(4, "cards", "resume", device.iccid, "--reason", "no") == "state"
    assert operator.json("cards", "show", device.iccid)["device"] is None


def test_a_network_that_does_not_answer_confirms_nothing(tmp_path: Path) -> None:
    device = new_device()
    with VerifierServer(tmp_path, target=SILENT_HLR) as server:
        operator = Operator(server)
        operator.imported(device)

        done = server.simbond("cards", "suspend", device.iccid, "--reason", "stolen", "--wait", "1")
        card = operator.json("cards", "suspend", device.iccid, "--reason", "stolen", "--wait", "0", exit_code=1)

    assert done.returncode == 1
    assert "is suspended; network: barred, not confirmed" in done.stdout
    assert "has not confirmed within 1 s" in done.stderr
    assert card["enforcement"]["outcome"] == "pending"


def test_history_is_a_readable_timeline(operator: Operator) -> None:
    device = operator.bound()
    attest(operator, device)
    device.status = claims.TAMPER
    attest(operator, device)
    operator.ok("cards", "suspend", device.iccid, "--reason", "opened by force", "--wait", "30", role="operator")

    told = operator.ok("cards", "history", device.iccid, role="viewer")

    heads = [line.partition("Z  ")[2] for line in told.splitlines() if not line.startswith(" ")]
    assert heads == [
        "The card was imported.",
        "The card was bound to a device.",
        "The card was warned.",
        "The card was suspended.",
    ]
    assert "    by operator; since then: suspended, barred\n" in told
    assert "    The device reports that it was opened. (tamper)\n" in told
    assert "    reason: opened by force\n" in told
    assert "    network told 'barred': confirmed after" in told
    document = operator.json("cards", "history", device.iccid)
    assert [event["kind"] for event in document["history"]] == ["import", "bind", "alert", "suspend"]


def test_the_history_of_a_move_says_how_fast_it_was(operator: Operator) -> None:
    owner, thief = operator.bound(), new_device()
    operator.enrolled(thief)
    thief.iccid, thief.imsi = owner.iccid, owner.imsi
    empty_tray = Attester(owner.imei, iccid=None, imsi=None, status=claims.TRAY_EMPTY, key=owner.key)
    attest(operator, empty_tray)
    attest(operator, thief)
    operator.ok("cards", "suspend", owner.iccid, "--reason", "sure", "--wait", "30")

    told = operator.ok("cards", "history", owner.iccid)

    assert "and a second source agrees. (foreign-device)" in told
    assert f"    foreign IMEI: {thief.imei[:14]}\n" in told
    assert "    corroborated by: bound device\n" in told
    assert "ms after the evidence came in" in told


def test_what_an_operator_typed_cannot_steer_anothers_terminal(operator: Operator) -> None:
    device = operator.bound()
    operator.ok("cards", "suspend", device.iccid, "--reason", "\x1b]0;owned\x07[bold]x[/bold]\u202e")

    told = operator.ok("cards", "history", device.iccid)
    document = operator.ok("cards", "history", device.iccid, "--json")

    assert "\\x1b]0;owned\\x07[bold]x[/bold]\\u202e" in told
    assert all(line.isprintable() for line in [*told.splitlines(), *document.splitlines()])


def test_a_cards_labels_are_in_the_language_that_is_asked_for(operator: Operator) -> None:
    device = operator.bound()
    chinese = operator.ok("cards", "show", str(device.iccid), "--lang", "zh")

    labels = [line.split()[0] for line in chinese.splitlines()]
    assert labels[:4] == ["ICCID", "IMSI", "MSISDN", "客户"]
    assert {"状态", "网络", "设备", "卡内密钥"} <= set(labels)
    values = {cell_len(line[: line.index(re.split(r"  +", line, maxsplit=1)[1])]) for line in chinese.splitlines()}
    assert len(values) == 1, "values stand below each other"
