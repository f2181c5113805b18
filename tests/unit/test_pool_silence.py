"""A card of a pool goes to who claims it where its device fell silent; the verifier's own absence is no silence."""

from pathlib import Path

import pytest

from simbond_verifier.ingest.decide import Decider
from support.attester import ICCID, Attester
from support.verifier import SECRET, desk

pytestmark = pytest.mark.usefixtures("store")

POOL = 'id = 1\nname = "meter"\n[binding]\nmode = "pool"\n[models]\ntac = ["86123405"]\n'


@pytest.mark.parametrize(("started_ago", "holder"), [(9000, "other"), (60, "meter")])
def test_nobody_was_silent_while_the_verifier_was_down(tmp_path: Path, started_ago: float, holder: str) -> None:
    devices = {"meter": Attester(), "other": Attester(imei="861234050000021")}
    with desk(tmp_path, POOL) as made:
        made.bind(devices["meter"])
        made.attest(devices["meter"])
        made.add(devices["other"])
        made.now += 9000
        made.decider = Decider(made.scenarios, SECRET, listens_since=made.now - started_ago)

        made.attest(devices["other"])

        assert made.card(ICCID)["device"]["kid"] == devices[holder].kid.hex()
