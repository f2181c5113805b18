"""The evidence vectors in tests/vectors/: the files state inputs; this fills in what the agent makes of them.

`python -P tests/support/vectors.py` writes them anew; tests/unit/test_cose_vectors.py compares.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import cbor2

from simbond_agent import claims, rotation
from simbond_agent.evidence import binding, enrolment, evidence
from simbond_agent.signer.software import SoftwareSigner

DIRECTORY = Path(__file__).parent.parent / "vectors"
EVIDENCE = sorted(DIRECTORY.glob("evidence-*.json"))
COUNTERSIGNED = sorted(DIRECTORY.glob("countersigned-*.json"))
ENROLMENT = sorted(DIRECTORY.glob("enrolment-*.json"))
ROTATION = sorted(DIRECTORY.glob("rotation-*.json"))
ALL = EVIDENCE + COUNTERSIGNED + ENROLMENT + ROTATION

_NAMES = {
    claims.CNF: "cnf",
    claims.NONCE: "eat_nonce",
    claims.UPTIME: "uptime",
    claims.BOOTCOUNT: "bootcount",
    claims.BINDING: "binding",
    claims.NEXT_KEY: "next_key",
}


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def completed(vector: dict[str, Any]) -> dict[str, Any]:
    """The vector with everything that follows from its description, key.d and inputs."""
    found: dict[str, Any] = {"description": vector["description"], "key": _key(vector["key"]["d"])}
    found |= {name: _key(vector[name]["d"]) for name in ("sim_key", "next_key") if name in vector}
    message = asyncio.run(_message(vector))
    payload = cbor2.loads(message).value[2]
    return found | {
        "inputs": vector["inputs"],
        "payload": payload.hex(),
        "message": message.hex(),
        "octets": len(message),
        "diagnostic": [f"/ {_NAMES[k]} / {k}: {_diagnostic(v)}" for k, v in cbor2.loads(payload).items()],
    }


async def _message(vector: dict[str, Any]) -> bytes:
    """By its inputs: a next key makes it a rotation, a nonce Evidence, neither an enrolment request."""
    signer, inputs = _signer(vector["key"]), vector["inputs"]
    bond = binding(inputs["identity"], inputs["cell"], inputs["scenario"], inputs["status"])
    if "nonce" not in inputs:
        return await enrolment(signer, bond)
    order = bytes.fromhex(inputs["nonce"]), inputs["bootcount"], inputs["uptime"]
    if "next_key" in vector:
        return await rotation.order(signer, await enrolment(_signer(vector["next_key"]), bond), *order)
    return await evidence(signer, bond, *order, _signer(vector["sim_key"]).sign if "sim_key" in vector else None)


def _signer(key: dict[str, str]) -> SoftwareSigner:
    return SoftwareSigner(bytes.fromhex(key["d"]))


def _key(d: str) -> dict[str, str]:
    signer = _signer({"d": d})
    return {"d": d, "x": signer.public_key[:32].hex(), "y": signer.public_key[32:].hex(), "kid": signer.kid.hex()}


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
    for file in ALL:
        file.write_text(json.dumps(completed(load(file)), indent=2) + "\n", encoding="utf-8")
        print(file.name)
