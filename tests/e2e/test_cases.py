"""A card's case on real parts: suspended, told, appealed, lifted in the HLR; and second checks through kill -9."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simbond_tools.client import ApiProblem
from simbond_tools.gsup_peer import ServingNode
from simbond_tools.hlr import PrivateHlr
from simbond_verifier.enforcement.gsup import Domain
from support import needs
from support.attester import Attester
from support.field import Field, eventually, new_device
from support.server import VerifierServer
from support.verifier import SCENARIO

POLICY = """
[remedy]
channel = "tel. 10000"
materials = ["photograph of the device"]
[checks]
grace_s = 2
"""
CHECKED = SCENARIO + "[second_check]\nremind_s = 600\n"
ABROAD = bytes.fromhex("64f01074962f04546761")
GPRS_NOT_ALLOWED = 7


@pytest.fixture(scope="module")
def hlr() -> Iterator[PrivateHlr]:
    needs.program("osmo-hlr", package="osmo-hlr")
    with PrivateHlr() as running:
        yield running


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What has the verifier know the operator's policy."""
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text(POLICY)
    return "--policy", str(file)


@pytest.fixture(scope="module")
def field(hlr: PrivateHlr, policy: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    folder = tmp_path_factory.mktemp("verifier")
    with VerifierServer(folder, target=hlr.url, options=policy) as server, Field(server) as made:
        yield made


@pytest.fixture(scope="module")
def unsteady(policy: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """A verifier that is killed now and then."""
    folder = tmp_path_factory.mktemp("unsteady")
    with VerifierServer(folder, scenarios=[CHECKED], options=policy) as server, Field(server) as made:
        yield made


@pytest.fixture
def meter(field: Field, hlr: PrivateHlr) -> Attester:
    device = new_device()
    hlr.add_subscriber(str(device.imsi), f"4680{str(device.imsi)[-7:]}")
    field.bind(device)
    return device


def notices(field: Field, iccid: str | None) -> list[dict[str, Any]]:
    with field.server.api("viewer") as api:
        return list(api.pages(f"/v1/cards/{iccid}/notices", "notices"))


def order(field: Field, path: str, document: dict[str, Any], role: str = "operator") -> dict[str, Any]:
    with field.server.api(role) as api:
        return dict(api.post(path, document))


def refused(field: Field, path: str, role: str) -> tuple[int, str]:
    with pytest.raises(ApiProblem) as problem:
        order(field, path, {"reason": "it is fine"}, role)
    return problem.value.status, problem.value.code


def confirmed(field: Field, device: Attester, access: str) -> float:
    """How long the HLR took to confirm, in milliseconds."""

    def found() -> float | None:
        last = field.card(device.iccid)["enforcement"]
        return last["ms"] if last and (last["access"], last["outcome"]) == (access, "confirmed") else None

    return float(eventually(found) or 0)


def attach(hlr: PrivateHlr, imsi: str | None) -> int | None:
    """The cause for which the HLR refuses the card; None where it lets it in."""

    async def update() -> int | None:
        async with ServingNode(hlr.host, "sgsn-1", Domain.PS) as sgsn:
            cause: int | None = (await sgsn.update_location(str(imsi))).cause
            return cause

    return asyncio.run(update())


def test_an_upheld_appeal_lifts_a_suspension_in_the_hlr(field: Field, hlr: PrivateHlr, meter: Attester) -> None:
    meter.cell = ABROAD
    assert field.attest(meter).reasons == ["out-of-area"]
    confirmed(field, meter, "barred")
    assert attach(hlr, meter.imsi) == GPRS_NOT_ALLOWED
    (told,) = notices(field, meter.iccid)
    assert (told["kind"], told["body"]["channel"]) == ("suspended", "tel. 10000")
    assert "救济渠道：tel. 10000" in told["body"]["text"]["zh"]

    filing = {"statement": "a border town", "materials": [{"name": "map.png", "sha256": "ab" * 32}]}
    appeal = order(field, f"/v1/cards/{meter.iccid}/appeals", filing)
    assert appeal["notice_id"] == told["id"]
    decision = f"/v1/appeals/{appeal['id']}/uphold"
    assert refused(field, decision, "operator") == (409, "same-person")
    assert refused(field, decision, "technician") == (403, "role")
    assert order(field, decision, {"reason": "it is a border town"}, "admin")["outcome"] == "upheld"

    assert confirmed(field, meter, "allowed") < 20_000, "at once: by itself the outbox looks every 30 s"
    assert attach(hlr, meter.imsi) is None
    assert [each["kind"] for each in notices(field, meter.iccid)] == ["suspended", "lifted"]
    assert field.metrics()['simbond_appeals_total{outcome="upheld",rule="out-of-area"}'] == 1


def test_the_command_line_takes_a_clerk_through_a_case(field: Field, meter: Attester, tmp_path: Path) -> None:
    photograph = tmp_path / "lid.jpg"
    photograph.write_bytes(b"a lid")

    def ok(*words: str, role: str) -> str:
        done = field.server.simbond(*words, role=role)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    iccid = str(meter.iccid)
    ok("cards", "recheck", iccid, "--reason", "a tip", role="operator")
    shown = ok("cards", "show", iccid, role="viewer")
    assert re.search(r"^second check +open; unless it is passed, the card is suspended at 20", shown, re.MULTILINE)
    assert re.search(r"^because +A second check of the card was ordered. 'a tip'$", shown, re.MULTILINE)
    assert f"cards confirm {iccid}" in shown
    assert "需要提交的资料：photograph of the device" in ok("cards", "notices", iccid, "--lang", "zh", role="viewer")
    words = ["--statement", "nothing is wrong", "--material", str(photograph)]
    filed = ok("appeals", "file", iccid, *words, role="technician")
    number = filed.split()[1]
    assert f"{number}\t{iccid}\topen" in ok("appeals", "list", "--outcome", "open", role="viewer")
    assert ok("appeals", "list", "--overdue", role="viewer") == ""
    assert f"{number}\t{iccid}\topen" in ok("appeals", "list", role="technician")
    assert "nothing is wrong" in ok("appeals", "show", number, role="technician")
    assert "lid.jpg (SHA-256 " in ok("appeals", "show", number, role="viewer")
    assert "stays as it is" in ok("appeals", "withdraw", number, "--reason", "filed twice", role="technician")
    number = ok("appeals", "file", iccid, *words, role="admin").split()[1]
    theirs = field.server.simbond("appeals", "withdraw", number, "--reason", "no need", role="technician")
    assert (theirs.returncode, "Somebody else has filed this appeal" in theirs.stderr) == (4, True)
    ok("appeals", "withdraw", number, "--reason", "filed twice", role="admin")
    number = ok("appeals", "file", iccid, *words, role="technician").split()[1]
    assert "stays as it is" in ok("appeals", "reject", number, "--reason", "not enough", role="admin")
    number = ok("appeals", "file", iccid, *words, role="technician").split()[1]
    assert "is bound" in ok("appeals", "uphold", number, "--reason", "seen", "--wait", "30", role="admin")
    ok("cards", "recheck", iccid, "--reason", "once more", "--deadline", "600", role="operator")
    assert "is bound" in ok(
        "cards", "confirm", iccid, "--reason", "seen", "--material", str(photograph), role="operator"
    )
    told = [each["kind"] for each in notices(field, iccid)]
    assert told == ["recheck", "appeal-rejected", "passed", "recheck", "passed"]
    assert field.server.simbond("appeals", "show", "999", role="viewer").returncode == 5


def test_a_technician_confirms_nothing_unless_the_policy_says_so(field: Field, meter: Attester) -> None:
    order(field, f"/v1/cards/{meter.iccid}/recheck", {"reason": "a tip"})
    assert refused(field, f"/v1/cards/{meter.iccid}/recheck/confirm", "technician") == (403, "role")
    assert refused(field, f"/v1/cards/{meter.iccid}/recheck", "technician") == (403, "role")


def test_whoever_polls_misses_no_notice(field: Field, meter: Attester) -> None:
    with field.server.api("viewer") as api:
        seen = [each["id"] for each in api.pages("/v1/notices", "notices")]
        order(field, f"/v1/cards/{meter.iccid}/suspend", {"reason": "x"})
        order(field, f"/v1/cards/{meter.iccid}/resume", {"reason": "x", "reverify": False})
        page = api.get("/v1/notices", after=max(seen, default=0), limit=1)
        rest = api.get("/v1/notices", after=page["next"])
    assert [each["kind"] for each in page["notices"] + rest["notices"]] == ["suspended", "lifted"]
    assert rest["next"] is None


def dead_for(field: Field, seconds: float) -> None:
    """kill -9, and a start after so long: everything that the database knows of the future comes so much nearer."""
    field.server.kill()
    database = sqlite3.connect(field.server.db)
    with database:
        database.execute("UPDATE card SET deadline = deadline - ?, remind_at = remind_at - ?", (seconds, seconds))
        (heard,) = database.execute("SELECT value FROM setting WHERE name = 'heard-until'").fetchone()
        earlier = repr(float(heard) - seconds).encode()
        database.execute("UPDATE setting SET value = ? WHERE name = 'heard-until'", (earlier,))
    database.close()
    field.server.start()


def test_a_second_check_survives_kill_9_and_runs_out(unsteady: Field) -> None:
    field, meter = unsteady, new_device()
    field.bind(meter)
    ordered = order(field, f"/v1/cards/{meter.iccid}/recheck", {"reason": "a tip", "deadline_s": 3600})

    dead_for(field, 3010)
    eventually(lambda: len(notices(field, meter.iccid)) == 2)
    dead_for(field, 0)
    dead_for(field, 590)
    eventually(lambda: field.state(meter.iccid) == ("suspended", "barred"))
    confirmed(field, meter, "barred")

    told = notices(field, meter.iccid)
    assert [each["kind"] for each in told] == ["recheck", "reminder", "extended", "suspended"]
    assert [line["kind"] for line in field.history(meter.iccid)[2:]] == ["recheck", "reminded", "extended", "expire"]
    assert told[1]["body"]["deadline"] == pytest.approx(ordered["deadline"] - 3010)
    extended, expired = field.history(meter.iccid)[-2:]
    assert extended["detail"]["due_at"] == pytest.approx(ordered["deadline"] - 3600)
    assert expired["detail"]["due_at"] == extended["detail"]["deadline"] <= expired["at"]
    assert told[3]["body"]["reasons"][0]["code"] == "check-expired"


def test_a_device_that_affirms_in_time_stays(unsteady: Field) -> None:
    field, meter = unsteady, new_device()
    field.bind(meter)
    order(field, f"/v1/cards/{meter.iccid}/recheck", {"reason": "a tip", "deadline_s": 3600})
    dead_for(field, 3000)

    def affirmed() -> bool:  # a nonce counts in whole seconds
        return field.attest(meter).tier == 2 and field.state(meter.iccid) == ("bound", "allowed")

    eventually(affirmed)
    dead_for(field, 1000)
    assert "suspended" not in [each["kind"] for each in notices(field, meter.iccid)]
    assert field.state(meter.iccid) == ("bound", "allowed")
