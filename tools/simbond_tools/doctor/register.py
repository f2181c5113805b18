"""What the verifier knows of the card and the device on the cable; it alone knows which belong together."""

from typing import Any

from simbond_tools.client import Api, ApiProblem

_UNKNOWN = 404


def look_up(api: Api, found: dict[str, Any]) -> dict[str, Any]:
    """The members of the part "verifier" (findings.Register). found: what gather() gave. Raises what Api's calls do."""
    iccid, kid = found.get("modem", {}).get("iccid"), found.get("agent", {}).get("kid")
    known: dict[str, Any] = {}
    for name, path, number in (("card", "/v1/cards/", iccid), ("device", "/v1/devices/", kid)):
        if isinstance(number, str):
            try:
                known[name] = api.get(path + number)
            except ApiProblem as e:
                if e.status != _UNKNOWN:
                    raise
                known[f"{name}_problem"] = e.code
    return known
