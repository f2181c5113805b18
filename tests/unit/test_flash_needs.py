"""Which parts a board gets, from what its maker wrote."""

import re
from pathlib import Path

import pytest

from simbond_tools import parts
from simbond_tools.flash import needs
from simbond_tools.flash.needs import UnclearNeeds

EXAMPLES = Path(__file__).parents[2] / "examples"
MADE = [path.parent.name for path in sorted(EXAMPLES.glob("*/settings.py"))]


def chosen(sources: dict[str, str], dialect: str | None = "quectel") -> dict[str, str]:
    board = needs.read(sources)
    return {part.name: part.why for part in [needs.uplink_of(board, dialect), *needs.others(board)]}


@pytest.mark.parametrize("name", MADE)
def test_an_example_gets_what_its_readme_builds(name):
    sources = {path.name: path.read_text() for path in (EXAMPLES / name).glob("*.py")}
    sources["settings.py"] = sources["settings.py"].replace("verifier.example", "verifier.internal")
    built = set(re.findall(r"--with (\w+)", (EXAMPLES / name / "README.md").read_text()))
    (dialect,) = built & needs.dialects()

    assert chosen(sources, dialect).keys() | {dialect} == built


def test_every_dialect_is_a_part_and_the_clock_is_none():
    assert needs.dialects() < parts.parts().keys()
    assert "network_time" not in needs.dialects()


@pytest.mark.parametrize(
    ("url", "dialect", "uplink"),
    [
        ("https://a", None, "http"),
        ("http://a", "sequans", "http"),
        ("mqtts://a:1", None, "mqtt"),
        ("modem+https://a/b", "quectel", "quectel_http"),
        ("modem+mqtt://a", "quectel_nbiot", "quectel_mqtt"),
        ("modem+mqtts://a", "ublox", "ublox_mqtt"),
    ],
)
def test_the_uplink_follows_the_url(url, dialect, uplink):
    assert uplink in chosen({"board.py": f"url = {url!r}"}, dialect)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("url = 'ftp://a'", "https://"),
        ("url = 'modem+https://a'", "own HTTP stack"),
        ("url = 'https://verifier.example'", "the example's"),
        ("url = make()", "so many words"),
        ("", "so many words"),
        ("url = (", "line 1"),
    ],
)
def test_what_cannot_work_is_said(source, says):
    with pytest.raises(UnclearNeeds, match=re.escape(says)):
        chosen({"board.py": source}, "ublox")


def test_later_names_go_before_earlier_ones_also_over_imports():
    settings = "url = 'https://a'\nspool = 0\nstate_dir = '/s'"

    assert "spool" not in chosen({"board.py": "from settings import *", "settings.py": settings})
    assert "spool" in chosen({"board.py": "from settings import *\nspool = 4", "settings.py": settings})
    assert "spool" not in chosen({"board.py": "spool = 4\nfrom settings import *", "settings.py": settings})
    assert "mqtt" in chosen({"board.py": "from settings import far as url", "settings.py": "far = 'mqtts://a'"})
    assert "spool" in chosen({"board.py": "from settings import *\nspool = size()", "settings.py": settings})


def test_files_that_import_each_other_come_to_an_end():
    sources = {"board.py": "from settings import *\nurl = 'https://a'", "settings.py": "from board import *"}

    assert "http" in chosen(sources)


def test_names_and_imports_bring_their_parts():
    board = "from simbond_agent.signer.atecc import Atecc\n"
    board += "url = 'https://a'\ndef console(): ...\nasync def set_time(t): ..."
    found = chosen({"board.py": board, "main.py": "import simbond_agent.posix\nfrom simbond_agent import run"})

    assert found.keys() == {"http", "spool", "console", "network_time", "atecc", "posix"}
    assert found["atecc"] == "board.py imports signer.atecc"
