"""A shadow run asked for by an operator."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from support.operator import Operator
from support.server import VerifierServer
from support.verifier import SCENARIO


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifierServer]:
    with VerifierServer(tmp_path_factory.mktemp("shadow")) as started:
        yield started


@pytest.fixture(scope="module")
def operator(server: VerifierServer) -> Operator:
    return Operator(server)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Scenarios under which no card may be seen in another device for one moment."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "meter.toml").write_text(SCENARIO + 'network-imei-differs = "suspend"\n')
    return folder


@pytest.fixture(scope="module")
def moved(operator: Operator) -> str:
    """A card that the network saw in another device."""
    meter = operator.bound()
    seen = {"imsi": meter.imsi, "at": time()}
    operator.ok("observations", "send", "-", stdin=json.dumps(seen | {"imei": "35345606000002"}).encode())
    return str(meter.iccid)


def test_an_operator_sees_what_changed_rules_would_have_done(operator: Operator, rules: Path, moved: str) -> None:
    before = operator.json("cards", "history", moved)
    report = operator.json("shadow", "--scenarios", str(rules), "--since", "2020-01-01", role="operator")

    assert (report["present"]["rechecked"], report["changed"]["suspended"]) == (1, 1)
    assert report["cards"][0]["iccid"] == moved
    assert report["cards"][0]["changed"]["reasons"] == ["network-imei-differs"]
    assert operator.json("cards", "history", moved) == before
    text = operator.ok("shadow", "--scenarios", str(rules), "--lang", "zh")
    assert "1 cards fare worse, 0 better." in text
    assert "机卡分离" in text


def test_a_window_without_history(operator: Operator, rules: Path, moved: str) -> None:
    report = operator.json("shadow", "--scenarios", str(rules), "--until", "2020-01-01T00:00Z")

    assert (report["observations"], report["cards"]) == (0, [])


def test_what_cannot_be_tried_is_refused(operator: Operator, rules: Path, tmp_path: Path) -> None:
    (rules / "meter.toml").write_text("id = 1\nname = 'meter'\nspeed = 3\n")
    assert operator.error(4, "shadow", "--scenarios", str(rules)) == "rules-invalid"
    assert operator.error(2, "shadow", "--scenarios", str(tmp_path)) == "no-scenario"
    assert "2026-11-01" in operator.server.simbond("shadow", "--scenarios", str(rules), "--since", "x").stderr
    assert operator.error(6, "shadow", "--scenarios", str(rules), role="viewer") == "role"


def test_a_policy_names_no_file_of_the_server(operator: Operator, rules: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[phones]\nfile = "/etc/passwd"\n[blast_radius]\nnumber = 5\n')

    assert operator.json("shadow", "--scenarios", str(rules), "--policy", str(policy))["until"] > 0
    policy.write_text("[blast_radius]\nnumber = 0\n")
    assert operator.error(4, "shadow", "--scenarios", str(rules), "--policy", str(policy)) == "rules-invalid"
