"""Profiles as files: what a device maker writes, and what they are told when it is wrong."""

from pathlib import Path

import pytest

from simbond_tools.check_digit import luhn_digit
from simbond_tools.emulator import (
    Card,
    Cell,
    Command,
    CommandError,
    Module,
    ProfileError,
    behaviour,
    load_profile,
    profile_names,
)
from simbond_tools.emulator.behaviours import BEHAVIOURS
from simbond_tools.emulator.engine import Engine

MINE = """
extends = "generic"
name = "mine"
title = "My module"
model = "M-1"
imei = "00499901064001"

[replies]
"+MYID" = "+MYID: {imei},{tac:X}"
"+MYSIM" = [{ when = "sim-ready", lines = "yes" }, { when = "sim-empty", error = 3 }]
"+CNMI=*" = []
"+CCID" = false

[settings]
"+MYSET" = { values = ["0-3", "0,5"], default = "1,0" }

[urcs]
ready = [{ when = "+MYSET=2", lines = "+MYREADY: {iccid}" }]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    return path


def ask(path: str | Path, *commands: str, card: Card | None = None) -> list[str]:
    engine = Engine(Module(load_profile(path), card=card, cell=Cell()))
    sent = [b"".join(engine.step(0.0, command.encode() + b"\r")) for command in ("ATE0", "AT+CMEE=1", *commands)]
    return [reply.decode().strip().replace("\r\n", "|") for reply in sent[2:]]


def test_own_profile_extends_a_built_in_one(mine: Path) -> None:
    assert ask(mine, "AT+MYID", "AT+CGMM", "AT+CNMI=2,1", "AT+CCID") == [
        "+MYID: 004999010640018,1A2B||OK",
        "M-1||OK",
        "OK",
        "+CME ERROR: 100",
    ]


def test_alternatives(mine: Path) -> None:
    assert ask(mine, "AT+MYSIM") == ["+CME ERROR: 3"]
    card = Card("8988300000001234567", "001010123456789")
    assert ask(mine, "AT+MYSIM", card=card) == ["yes||OK"]
    locked = Card("8988300000001234567", "001010123456789", pin="1234")
    assert ask(mine, "AT+MYSIM", card=locked) == ["+CME ERROR: 11"]


def test_settings(mine: Path) -> None:
    assert ask(
        mine, "AT+MYSET?", "AT+MYSET=2", "AT+MYSET?", "AT+MYSET=2,5", "AT+MYSET?", "AT+MYSET=?", "AT+MYSET=4"
    ) == [
        "+MYSET: 1,0||OK",
        "OK",
        "+MYSET: 2,0||OK",
        "OK",
        "+MYSET: 2,5||OK",
        "+MYSET: (0-3),(0,5)||OK",
        "+CME ERROR: 50",
    ]


def test_behaviour_without_its_setting(mine: Path) -> None:
    mine.write_text(MINE.replace("[settings]", '[settings]\n"+CEREG" = false'))
    assert ask(mine, "AT+CEREG?", "AT+CEREG=1") == ["+CEREG: 0,0||OK", "ERROR"]


def test_extends_a_file_beside_it(mine: Path, tmp_path: Path) -> None:
    child = tmp_path / "child.toml"
    child.write_text('extends = "mine.toml"\nname = "child"\n')
    assert load_profile(child).title == "My module"


def test_own_behaviour(mine: Path) -> None:
    @behaviour("my-counter")
    def count(module: Module, command: Command) -> list[str]:
        if command.arguments != ["1"]:
            raise CommandError(3)
        module.announcements.append("+MYURC: 1")
        return ["+MYCOUNT: 1"]

    try:
        mine.write_text(MINE + '\n[behaviours]\n"+MYCOUNT" = "my-counter"\n')
        assert ask(mine, "AT+MYCOUNT=1", "AT+MYCOUNT=2") == ["+MYCOUNT: 1||OK||+MYURC: 1", "+CME ERROR: 3"]
        with pytest.raises(ValueError, match="there already"):
            behaviour("my-counter")(count)
    finally:
        del BEHAVIOURS["my-counter"]


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("[replies", "is not TOML"),
        ('color = "red"', "'color' is no entry"),
        ("replies = 3", r"\[replies\] must be a table"),
        ("model = 3", "model: a text"),
        ('rats = ["6G"]', "rats: a list of GSM"),
        ('imei = "12"', "IMEI '12': 15 digits"),
        ('svn = "x"', "svn: two digits"),
        ('extends = "nothing"', "unknown; there are generic"),
        ('unknown_command_error = "x"', "unknown_command_error: a CME code"),
        ("[replies]\nX = 3", "replies.X: a line or a list"),
        ("[replies]\nX = [{ linse = 'a' }]", "replies.X: tables with when"),
        ("[replies]\nX = [{ when = 'sim-gone', lines = 'a' }]", "replies.X: no condition 'sim-gone'"),
        ("[replies]\nX = [{ when = '+NOSUCH=1', lines = 'a' }]", r"replies.X: no condition '\+NOSUCH=1'"),
        ("[replies]\nX = [{ error = 'a' }]", "replies.X.error: a CME code"),
        ("[urcs]\nfire = 'a'", "urcs.fire: no such event"),
        ("[settings]\nX = { default = 1 }", "settings.X.default: a text"),
        ("[settings]\nX = { valeus = '0' }", "settings.X: a table"),
        ("[settings]\nX = { values = 'a-b', default = '0' }", "settings.X.values: 'a-b'"),
        ("[words]\nx = 'a'", "words.x: a table"),
        ("[words]\nx = { nosuch = 'a' }", "words.x: no condition 'nosuch'"),
    ],
)
def test_wrong_profile_is_named_with_its_entry(tmp_path: Path, added: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    head = "" if added.startswith("extends") else 'extends = "generic"\n'
    path.write_text(head + 'name = "wrong"\n' + added)
    with pytest.raises(ProfileError, match=f"wrong.toml: .*{message}"):
        load_profile(path)


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("[replies]\nX = '{colour}'", r"replies.X: there is no field \{colour\}; there are act, band"),
        ("[replies]\nX = '{imei.__class__}'", "not the name of a field"),
        ("[replies]\nX = '{0}'", "not the name of a field"),
        ("[replies]\nX = '{imei:d}'", "replies.X: "),
        ("[replies]\nX = '{imei'", "replies.X: "),
        ("[urcs]\nboot = '{colour}'", "urcs.boot: "),
        ("[settings]\nX = { default = '0', read = '{colour}' }", "settings.X.read: "),
        ("[behaviours]\nX = 'colour'", "behaviours.X: no 'colour'; there are "),
    ],
)
def test_wrong_template_is_found_before_it_is_used(tmp_path: Path, added: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('extends = "generic"\nname = "wrong"\n' + added)
    with pytest.raises(ProfileError, match=message):
        Engine(Module(load_profile(path)))


def test_missing_file_circle_and_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read: No such file"):
        load_profile(tmp_path / "none.toml")
    with pytest.raises(ProfileError, match="nokia: unknown; there are generic"):
        load_profile("nokia")
    (tmp_path / "a.toml").write_text('extends = "a.toml"')
    with pytest.raises(ProfileError, match="circle"):
        load_profile(tmp_path / "a.toml")


@pytest.mark.parametrize("name", profile_names())
def test_built_in_profiles_carry_test_identities(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.imei.startswith("00")  # reporting body 00: test equipment, no real device has it
    assert profile.imei[14] == luhn_digit(profile.imei[:14])
