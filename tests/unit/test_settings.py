"""What a verifier refuses to start with, and what it says then."""

import asyncio
from pathlib import Path

import pytest

from simbond_verifier.assembly import nonce_secret, running
from simbond_verifier.scenario import InvalidScenario
from simbond_verifier.settings import ConfigurationError, Settings, load_scenarios
from simbond_verifier.store.database import Database
from support.verifier import SCENARIO


def settings(**more: object) -> Settings:
    return Settings(Path("simbond.db"), Path("scenarios"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "verifier.example", "", "127.0.0.1.nip.io"]
)
def test_beyond_loopback_it_takes_tls_or_a_word(host: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"not loopback.*--tls-cert and --tls-key, or --plain-http"):
        settings(host=host)
    assert settings(host=host, plain_http=True).plain_http
    pem = tmp_path / "server.pem"
    pem.touch()
    assert settings(host=host, tls_certificate=pem, tls_key=pem).tls_key == pem


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_on_loopback_it_may_go_without(host: str) -> None:
    assert settings(host=host).tls_certificate is None


@pytest.mark.parametrize("missing", ["tls_certificate", "tls_key"])
def test_a_certificate_goes_with_its_key(tmp_path: Path, missing: str) -> None:
    pem = tmp_path / "server.pem"
    pem.touch()
    files = {"tls_certificate": pem, "tls_key": pem}
    with pytest.raises(ConfigurationError, match="both a certificate and its key"):
        settings(**(files | {missing: None}))
    with pytest.raises(ConfigurationError, match=r"gone\.pem is no file"):
        settings(**(files | {missing: tmp_path / "gone.pem"}))
    with pytest.raises(ConfigurationError, match="is no file"):
        settings(**(files | {missing: tmp_path}))


@pytest.mark.parametrize(
    "target", ["", "osmo-hlr", "http://127.0.0.1", "osmo-hlr://", "osmo-hlr://h?ctrl=x", "embeded:"]
)
def test_a_target_that_is_none(tmp_path: Path, target: str) -> None:
    async def start() -> None:
        async with running(Settings(tmp_path / "simbond.db", tmp_path / "scenarios", target)):
            raise AssertionError("it started")

    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "meter.toml").write_text(SCENARIO)
    with pytest.raises(ConfigurationError, match="--target"):
        asyncio.run(start())


def test_scenarios_are_the_toml_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").write_text(SCENARIO)
    (tmp_path / "bike.toml").write_text('id = 2\nname = "bike"')
    (tmp_path / "notes.txt").write_text("not a scenario")
    scenarios, texts = load_scenarios(tmp_path)
    assert scenarios.names() == sorted(texts) == ["bike", "meter"]


@pytest.mark.parametrize("folder", ["empty", "missing", "file"])
def test_a_folder_without_scenarios(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text(SCENARIO)
    with pytest.raises(InvalidScenario, match=r"holds no scenario: write one .*--scenarios"):
        load_scenarios(tmp_path / folder)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"id = ", r"meter\.toml: not TOML"),
        (b'id = 1\nname = "meter"\ncolour = 3', r"meter\.toml: unknown field 'colour'; known are: "),
        (b"id = 1", r"meter\.toml: field 'name' is missing"),
        (b'id = 70000\nname = "meter"', r"meter\.toml: id: .*65535"),
        (b'id = 1\nname = "meter"\n[ladder]\nforeign-device = "alert"', "foreign-device cannot be weighed"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_scenario_that_cannot_be_read(tmp_path: Path, octets: bytes, words: str) -> None:
    (tmp_path / "meter.toml").write_bytes(octets)
    with pytest.raises(InvalidScenario, match=words):
        load_scenarios(tmp_path)


def test_a_folder_named_like_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "meter.toml").mkdir()
    with pytest.raises(InvalidScenario, match=r"meter\.toml"):
        load_scenarios(tmp_path)


@pytest.mark.parametrize("twin", ['id = 1\nname = "other"', 'id = 2\nname = "meter"'])
def test_two_scenarios_share_neither_name_nor_id(tmp_path: Path, twin: str) -> None:
    (tmp_path / "a.toml").write_text(SCENARIO)
    (tmp_path / "b.toml").write_text(twin)

    async def start() -> None:
        async with running(Settings(tmp_path / "simbond.db", tmp_path)):
            raise AssertionError("it started")

    with pytest.raises(InvalidScenario, match="is there twice"):
        asyncio.run(start())


def test_nonces_outlive_a_restart(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        database = Database(tmp_path / "simbond.db")
        with database.write() as connection:
            found.append(nonce_secret(connection))
        database.close()
    assert found[0] == found[1]
    assert len(found[0]) == 32
