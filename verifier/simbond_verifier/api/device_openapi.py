"""The device endpoints in the OpenAPI document. They speak CBOR; docs/evidence.cddl describes it."""

from typing import Any

from simbond_agent import claims


def _post(summary: str, request: str, response: str, limit: int | None = None) -> dict[str, Any]:
    octets = {"type": "string", "format": "binary"}
    body = octets if limit is None else octets | {"maxLength": limit}
    return {
        "post": {
            "tags": ["evidence"],
            "summary": summary,
            "requestBody": {"required": True, "content": {request: {"schema": body}}},
            "responses": {"200": {"description": "The result", "content": {response: {"schema": octets}}}},
        }
    }


PATHS_DOCUMENT: dict[str, Any] = {
    "/v1/evidence": _post("Takes one Evidence", "application/eat+cwt", "application/cbor", claims.MAX_OCTETS),
    "/v1/evidence/batch": _post(
        "Takes a CBOR sequence of Evidence; answers in the same order", "application/cbor-seq", "application/cbor-seq"
    ),
    "/v1/challenge": _post(
        "Gives a nonce to the key with this id", "application/octet-stream", "application/cbor", claims.KID_OCTETS
    ),
    "/v1/rotation": _post(
        "Takes a device's next key, endorsed by its present one",
        "application/cose",
        "application/cbor",
        claims.MAX_OCTETS,
    ),
}
