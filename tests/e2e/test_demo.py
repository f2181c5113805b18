"""The demo is the main job: every step observed, on either target."""

import subprocess
import sys
from itertools import pairwise

import pytest

from support import needs, schemas

STEPS = ["enrol", "bind", "attest", "forged", "replayed", "flipped", "liar", "move", "empty-tray", "refused", "back"]


@pytest.mark.parametrize("target", ["osmo-hlr", "embedded"])
def test_every_step_is_observed(target: str) -> None:
    if target == "osmo-hlr":
        needs.program("osmo-hlr", package="osmo-hlr")
    command = [sys.executable, "-m", "simbond_tools.cli", "demo", "--json", "--target", target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=170, check=False)
    document = schemas.read(done.stdout)
    assert (done.returncode, document["ok"], document["target"]) == (0, True, target), document["steps"]
    assert [step["name"] for step in document["steps"]] == STEPS
    assert all(step["ok"] and step["ms"] >= 0 for step in document["steps"])
    by = "network view" if target == "osmo-hlr" else "bound device"
    (moved,) = (step["detail"] for step in document["steps"] if step["name"] == "move")
    assert by in moved


def test_a_step_that_is_not_observed_fails_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A modem that does not move its card: the story must notice, and not go on."""
    from click.testing import CliRunner

    from simbond_tools.cli.demo import demo
    from simbond_tools.demo import story
    from simbond_tools.emulator import Modem

    monkeypatch.setattr(story, "_PATIENCE_S", 4.0)
    monkeypatch.setattr(Modem, "remove", lambda _: None)
    monkeypatch.setattr(Modem, "insert", lambda *_: None)
    done = CliRunner().invoke(demo, ["--json", "--target", "embedded"])
    document = schemas.read(done.stdout)
    assert (done.exit_code, document["ok"]) == (1, False)
    assert [step["name"] for step in document["steps"]] == STEPS
    oks = [step["ok"] for step in document["steps"]]
    assert not any(after and not before for before, after in pairwise(oks)), "nothing is tried after a failure"
    assert document["steps"][-1]["detail"] == "not reached"
