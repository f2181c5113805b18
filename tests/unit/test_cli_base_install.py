"""A technician's laptop has no server on it: the operators' commands run with the base dependencies alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.attester import ICCID, Attester

# Whatever an extra brings (pyproject.toml).
EXTRAS = {
    *("alembic", "fastapi", "httptools", "prometheus_client", "pydantic", "serial"),
    *("sqlalchemy", "starlette", "structlog", "uvicorn", "uvloop"),
}
WITHOUT = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError("No module named " + name, name=name)
sys.meta_path.insert(0, Missing())
from simbond_tools.cli import main
main(sys.argv[1:])
"""


def simbond(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", ["cards", "case", "devices", "evidence", "ledger", "work-orders"])
def test_help_needs_no_extra(command: str) -> None:
    done = simbond(command, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: simbond {command}" in done.stdout


def test_a_command_that_needs_a_server_gets_as_far_as_asking_one() -> None:
    done = simbond("cards", "list", "--url", "http://127.0.0.1:1", "--token", "sbt_x")

    assert done.returncode == 3
    assert "No answer from http://127.0.0.1:1" in done.stderr


def test_evidence_is_inspected_without_an_extra(tmp_path: Path) -> None:
    attester = Attester()
    message = tmp_path / "evidence.cbor"
    message.write_bytes(attester.evidence(bytes(8)))

    done = simbond("evidence", "inspect", str(message), "--key", attester.point.hex())

    assert (done.returncode, done.stderr) == (0, "")
    assert "VERIFIED" in done.stdout
    assert ICCID in done.stdout


@pytest.mark.parametrize("what", ["case", "ledger"])
def test_an_auditors_files_are_checked_without_an_extra(what: str, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear auditor")

    done = simbond(what, "verify", str(letter), "--key", Attester().point.hex())

    assert done.returncode == 1
    assert "it is no" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_list_of_commands_says_which_are_not_installed() -> None:
    done = simbond("--help")

    assert done.returncode == 0
    assert "Not installed" in done.stdout


def test_a_command_that_is_not_installed_says_what_to_install() -> None:
    done = simbond("serve")

    assert done.returncode == 7
    assert "simbond[server]" in done.stderr
