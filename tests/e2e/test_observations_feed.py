"""Observations over HTTP, and what people are told of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from simbond_tools.client import ApiProblem
from support.attester import Attester
from support.operator import Operator, new_device
from support.server import VerifierServer

FOREIGN = "35345606000002"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifierServer]:
    with VerifierServer(tmp_path_factory.mktemp("feed")) as started:
        yield started


@pytest.fixture(scope="module")
def operator(server: VerifierServer) -> Operator:
    return Operator(server)


def observed(device: Attester, **more: Any) -> dict[str, Any]:
    return {"imsi": device.imsi, "at": time(), **more}


def sent(server: VerifierServer, *observations: Any, role: str = "feed") -> list[tuple[str, str]]:
    with server.api(role) as api:
        results = api.post_lines("/v1/observations", [json.dumps(one) for one in observations])["results"]
    return [(result["outcome"], result["problem"].partition(":")[0]) for result in results]


def test_each_is_answered_for_itself_and_counts_once(server: VerifierServer, operator: Operator) -> None:
    meter = operator.bound()
    good = observed(meter, imei=meter.imei[:14] + "01", plmn="46000", area=7, cell=8, apn="cmiot", use="data")
    found = sent(
        server,
        good,
        good,
        observed(meter, imei="x"),
        {"imsi": meter.imsi},
        "text",
        {**good, "speed": 3},
        observed(new_device()),
        observed(meter, at=time() + 3600),
    )

    assert found == [
        ("taken", ""),
        ("repeated", ""),
        ("refused", "imei"),
        ("refused", "at"),
        ("refused", "observation"),
        ("refused", "speed"),
        ("unknown", ""),
        ("refused", "at"),
    ]


def test_what_it_says_is_kept_and_explained(server: VerifierServer, operator: Operator) -> None:
    meter = operator.bound()
    sent(server, observed(meter, imei=FOREIGN))
    with server.api("viewer") as api:
        english = api.get(f"/v1/cards/{meter.iccid}/network")
        chinese = api.get(f"/v1/cards/{meter.iccid}/network", lang="zh")

    assert english["network"]["imei"] == FOREIGN
    assert english["network"]["source"] == "feed:feed"
    (sign,) = english["signs"]
    assert (sign["reason"], sign["times"], sign["cleared_at"]) == ("network-imei-differs", 1, None)
    assert sign["facts"]["seen"] == FOREIGN
    assert "another IMEI" in sign["words"]
    assert "机卡分离" in chinese["signs"][0]["words"]
    assert operator.json("cards", "show", meter.iccid or "")["state"] == "warned"


def test_a_feed_may_do_nothing_else(server: VerifierServer, operator: Operator) -> None:
    meter = operator.bound()
    with server.api("feed") as api:
        for path in ("/v1/cards", f"/v1/cards/{meter.iccid}/network", "/v1/metrics", "/v1/devices"):
            with pytest.raises(ApiProblem) as refused:
                api.get(path)
            assert (refused.value.status, refused.value.code) == (403, "role"), path


@pytest.mark.parametrize("role", ["viewer", "technician"])
def test_who_only_looks_hands_in_nothing(server: VerifierServer, role: str) -> None:
    with pytest.raises(ApiProblem) as refused:
        sent(server, role=role)
    assert refused.value.code == "role"


def test_too_many_at_once(server: VerifierServer) -> None:
    with pytest.raises(ApiProblem) as refused:
        sent(server, *[{}] * 501)
    assert (refused.value.status, refused.value.code) == (413, "observations-too-many")


@pytest.mark.parametrize("array", [True, False])
def test_a_file_of_observations(server: VerifierServer, operator: Operator, tmp_path: Path, array: bool) -> None:
    meter = operator.bound()
    lines = [json.dumps(observed(meter, at=time() - 5000 + n, plmn="46000")) for n in range(600)]
    file = tmp_path / "seen.json"
    file.write_text(f"[{','.join(lines)}]" if array else "\n".join(lines) + "\n\n")

    assert operator.json("observations", "send", str(file), role="feed")["taken"] == 600
    assert (
        operator.ok("observations", "send", str(file), role="feed") == "0 taken, 600 repeated, 0 unknown, 0 refused.\n"
    )


def test_what_was_refused_is_named(server: VerifierServer, operator: Operator) -> None:
    meter = operator.bound()
    lines = "\n".join(json.dumps(observed(meter, imei=imei)) for imei in (meter.imei[:14], "12"))
    done = operator.server.simbond("observations", "send", "-", stdin=lines.encode())

    assert done.returncode == 1
    assert "1 taken" in done.stdout
    assert "observation 2: imei" in done.stderr
    assert operator.error(2, "observations", "send", "-", stdin=b"[1, 2") == "observations-syntax"


def test_a_person_reads_the_signs(server: VerifierServer, operator: Operator) -> None:
    meter = operator.bound()
    assert "No network" in operator.ok("cards", "signs", meter.iccid or "")
    sent(server, observed(meter, imei=FOREIGN, plmn="46000", area=7))
    english = operator.ok("cards", "signs", meter.iccid or "")

    assert FOREIGN in english
    assert "plmn 46000, area 7" in english
    assert "(network-imei-differs)" in english
    assert "机卡分离" in operator.ok("cards", "signs", meter.iccid or "", "--lang", "zh")
    assert "机卡分离" in operator.ok("cards", "history", meter.iccid or "", "--lang", "zh")
