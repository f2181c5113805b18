"""Captures of real modems, where they lie beside the repository; conftest.py leaves this file out elsewhere."""

import random
import tomllib
from typing import Any

from test_at_table import URC, identities

from simbond_tools.at import explain
from support.captures import CAPTURES


def captures() -> list[dict[str, Any]]:
    return [c for path in sorted(CAPTURES.glob("*.toml")) for c in tomllib.loads(path.read_text())["capture"]]


def test_captures():
    wrong, right = [], 0
    for c in captures():
        said = explain(c["command"], c["response"].encode("latin-1"), c["family"])
        good = all(
            abs(said.get(k, 999) - v) <= 1 if k.endswith(("_dbm", "_db")) else said.get(k) == v
            for k, v in c["expect"].items()
        )
        right += good
        wrong += [c["id"] for k, v in identities(said).items() if c["expect"].get(k, v) != v]
    assert wrong == []
    assert right >= 0.98 * len(captures())


def test_damaged_captures_give_no_wrong_identity():
    rng = random.Random(20260701)
    for c in captures():
        sent = c["response"].encode("latin-1")
        if "placeholder" in c.get("note", ""):
            continue  # an IMEI of no known reporting body may look like one when its first digit is gone
        for _ in range(30):
            at = rng.randrange(len(sent) + 1)
            damaged = rng.choice(
                [
                    sent[:at] + b"\xff" + sent[at:],
                    sent[:at] + b"\0" + sent[at + 1 :],
                    sent[:at] + URC + sent[at:],
                    sent[:at] if b"\n" in sent[:at] else b"",
                    sent[at:],
                    sent.replace(b"\r\n", rng.choice([b"\r", b"\n", b"\r\r\n", b""])),
                    sent + sent,
                ]
            )
            said = identities(explain(c["command"], damaged, c["family"]))
            assert said.items() <= c["expect"].items(), (c["id"], damaged)
