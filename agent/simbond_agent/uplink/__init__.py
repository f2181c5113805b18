"""Uplinks: ways to the verifier.

An uplink has two coroutines, both returning an Answer and raising UplinkError: challenge(kid) asks for a nonce,
attest(evidence) delivers Evidence.
"""

from .. import cbor, claims

TIERS = {0: "none", 2: "affirming", 32: "warning", 96: "contraindicated"}

# The Evidence was refused for its nonce alone: the one in the answer will do.
_NONCE_REFUSED = ("nonce-expired", "nonce-wrong")

_STATUS = 1
_REASONS = 2
_INTERVAL = 4
_NONCE = 10


class UplinkError(Exception):
    """The verifier could not be reached or did not answer. retry_after: seconds that it asked to wait, or 0."""

    def __init__(self, text, retry_after=0):
        super().__init__(text)
        self.retry_after = retry_after


class Answer:
    """What the verifier answers (docs/evidence.cddl, result): tier (a value of TIERS), reasons (list of strings), nonce
    (8 octets, for the next Evidence), interval_s (until that is due), again (whether it is due at once), appraised
    (whether the Evidence was taken and not contraindicated; what is refused always is).

    Raises ValueError when octets hold no such thing.
    """

    def __init__(self, octets):
        result = cbor.decode(octets)
        if not isinstance(result, dict):
            result = {}
        self.tier = TIERS.get(result.get(_STATUS))
        self.reasons = result.get(_REASONS)
        self.nonce = result.get(_NONCE)
        self.interval_s = result.get(_INTERVAL)
        if (
            self.tier is None
            or not isinstance(self.reasons, list)
            or not isinstance(self.nonce, bytes)
            or len(self.nonce) != claims.NONCE_OCTETS
            or not isinstance(self.interval_s, int)
            or self.interval_s < 0
        ):
            raise ValueError("the answer is not a result of the profile")
        self.again = self.interval_s == 0 or any(reason in _NONCE_REFUSED for reason in self.reasons)
        self.appraised = self.tier != "contraindicated"
