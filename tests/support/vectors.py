"""The evidence vectors in tests/vectors/: the files state inputs; this fills in what the agent makes of them.

`python tests/support/vectors.py` writes them anew; tests/unit/test_cose_vectors.py compares.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import cbor2

from simbond_agent import claims
from simbond_agent.evidence import binding, enrolment, evidence
from simbond_agent.signer.software import SoftwareSigner

DIRECTORY = Path(__file__).parent.parent / "vectors"
EVIDENCE = sorted(DIRECTORY.glob("evidence-*.json"))
ENROLMENT = sorted(DIRECTORY.glob("enrolment-*.json"))

_NAMES = {
    claims.CNF: "cnf",
    claims.NONCE: "eat_nonce",
    claims.UPTIME: "uptime",
    claims.BOOTCOUNT: "bootcount",
    claims.BINDING: "binding",
}


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def completed(vector: dict[str, Any]) -> dict[str, Any]:
    """The vector with everything that follows from its description, key.d and inputs."""
    signer = SoftwareSigner(bytes.fromhex(vector["key"]["d"]))
    inputs = vector["inputs"]
    bond = binding(inputs["identity"], inputs["cell"], inputs["scenario"], inputs["status"])
    if "nonce" in inputs:
        nonce = bytes.fromhex(inputs["nonce"])
        message = asyncio.run(evidence(signer, bond, nonce, inputs["bootcount"], inputs["uptime"]))
    else:
        message = asyncio.run(enrolment(signer, bond))
    payload = cbor2.loads(message).value[2]
    key = {
        "d": vector["key"]["d"],
        "x": signer.public_key[:32].hex(),
        "y": signer.public_key[32:].hex(),
        "kid": signer.kid.hex(),
    }
    return {
        "description": vector["description"],
        "key": key,
        "inputs": inputs,
        "payload": payload.hex(),
        "message": message.hex(),
        "octets": len(message),
        "diagnostic": [f"/ {_NAMES[k]} / {k}: {_diagnostic(v)}" for k, v in cbor2.loads(payload).items()],
    }


def _diagnostic(item: object) -> str:
    # RFC 8949 section 8, for the types of the profile.
    if isinstance(item, bytes):
        return f"h'{item.hex()}'"
    if isinstance(item, list):
        return "[" + ", ".join(map(_diagnostic, item)) + "]"
    if isinstance(item, dict):
        return "{" + ", ".join(f"{k}: {_diagnostic(v)}" for k, v in item.items()) + "}"
    return "null" if item is None else str(item)


if __name__ == "__main__":
    for file in EVIDENCE + ENROLMENT:
        file.write_text(json.dumps(completed(load(file)), indent=2) + "\n", encoding="utf-8")
        print(file.name)
