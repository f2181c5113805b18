"""An auditor follows one suspended card, from the modem's octets to the network's answer and its holder's appeal, with
two files, the verifier's public key, and no server."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.attester import Attester
from support.casefile import OUTSIDE
from support.damage import flipped
from support.field import Field, eventually, new_device
from support.server import VerifierServer, simbond


class Audited(NamedTuple):
    """What an auditor has."""

    folder: Path
    device: Attester
    key: str

    def verify(self, what: str, file: str, *more: str) -> subprocess.CompletedProcess[str]:
        return simbond(what, "verify", str(self.folder / file), "--key", self.key, *more)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The files of a life: bound, attesting, outside its area, suspended, appealed for, lifted; then the server is
    gone."""
    folder = tmp_path_factory.mktemp("audit")
    with VerifierServer(folder) as server, Field(server) as field:
        device = new_device()
        field.bind(device)
        answer = field.attest(device)
        assert server.simbond("ledger", "checkpoint", str(folder / "kept.cbor"), role="viewer").returncode == 0
        inside, device.cell = device.cell, OUTSIDE
        field.attest(device, answer.nonce)
        eventually(lambda: confirmed(field, device) == ["barred"])
        device.cell = inside
        with server.api("technician") as api:
            filing = {"statement": "The meter was in repair.", "materials": [{"name": "bill.pdf", "sha256": "00" * 32}]}
            number = api.post(f"/v1/cards/{device.iccid}/appeals", filing)["id"]
        with server.api("operator") as api:
            api.post(f"/v1/appeals/{number}/uphold", {"reason": "ticket 7: seen in the workshop"})
        eventually(lambda: confirmed(field, device) == ["barred", "allowed"])
        assert device.iccid is not None
        for words, file in ((("case", "export", device.iccid), "case.zip"), (("ledger", "export"), "all.ledger")):
            done = server.simbond(*words, str(folder / file), role="viewer")
            assert (done.returncode, done.stderr) == (0, "")
        key = public_key(server)
    return Audited(folder, device, key)


def confirmed(field: Field, device: Attester) -> list[str]:
    query = (
        "SELECT c.access FROM command c JOIN card ON card.id = c.card_id "
        f"WHERE c.outcome = 'confirmed' AND card.iccid = '{device.iccid}' ORDER BY c.id"
    )
    return [access for (access,) in field.rows(query)]


def public_key(server: VerifierServer) -> str:
    """The key that signs now, as whoever runs the verifier reads it off."""
    done = server.simbond("signing-key", "list", "--db", str(server.db), "--json")
    point: str = json.loads(done.stdout)["keys"][0]["point"]
    return point


def test_the_case_is_proved_and_its_story_told(audited: Audited) -> None:
    done = audited.verify("case", "case.zip")

    assert (done.returncode, done.stderr) == (0, "")
    story = done.stdout
    steps = [
        "Everything in this case is proved",
        "A device was enrolled with its key",
        "The card was imported",
        "The card was bound to a device",
        f"Device {audited.device.kid.hex()}",
        "it contradicts (out-of-area)",
        "The card was suspended",
        "Command 1 to the network: barred",
        "read back after command 1: barred",
        "Appeal 1 against notice 1: 'The meter was in repair.' (1 documents)",
        "The appeal was upheld. (by operator; 'ticket 7: seen in the workshop'",
        "The measures against the card were lifted",
        "Command 2 to the network: allowed",
        "read back after command 2: allowed",
    ]
    assert [story.index(step) for step in steps] == sorted(story.index(step) for step in steps)


def test_the_same_in_chinese_and_for_programs(audited: Audited) -> None:
    chinese = audited.verify("case", "case.zip", "--lang", "zh")
    document: dict[str, Any] = json.loads(audited.verify("case", "case.zip", "--json").stdout)

    assert "本案卷内容全部证实" in chinese.stdout
    assert "该卡被暂停服务。（经办：" in chinese.stdout
    assert "状态：已停机；网络侧：已停" in chinese.stdout
    assert not re.search(r"suspended|barred|what|exported", chinese.stdout)
    assert (document["proved"], document["doubts"], document["iccid"]) == (True, [], audited.device.iccid)


def test_the_ledger_is_proved_and_continues_the_checkpoint_that_was_kept(audited: Audited) -> None:
    done = audited.verify("ledger", "all.ledger", "--since", str(audited.folder / "kept.cbor"))

    assert (done.returncode, done.stderr) == (0, "")
    assert "The ledger is as it was signed" in done.stdout
    assert re.search(r"continues +the checkpoint of \d+ entries", done.stdout)


@pytest.mark.parametrize(("what", "file"), [("case", "case.zip"), ("ledger", "all.ledger")])
def test_a_flipped_octet_is_found(audited: Audited, what: str, file: str) -> None:
    octets = (audited.folder / file).read_bytes()
    (audited.folder / f"flipped-{file}").write_bytes(flipped(octets, len(octets) // 2))

    done = audited.verify(what, f"flipped-{file}")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr != ""


@pytest.mark.parametrize(("what", "file"), [("case", "case.zip"), ("ledger", "all.ledger")])
def test_another_verifiers_key_proves_nothing(audited: Audited, what: str, file: str) -> None:
    stranger = Attester()
    done = simbond(what, "verify", str(audited.folder / file), "--key", stranger.point.hex())

    assert done.returncode == 1
    assert "given key" in done.stderr


@pytest.mark.parametrize("what", ["case", "ledger"])
def test_what_is_no_such_file_is_said_to_be(audited: Audited, what: str) -> None:
    (audited.folder / "letter.txt").write_text("Dear auditor")

    done = audited.verify(what, "letter.txt")
    missing = audited.verify(what, "missing")

    assert (done.returncode, missing.returncode) == (1, 7)
    assert "Traceback" not in done.stderr + missing.stderr
