"""What an agent's error says about the way to the verifier.

By its code; where that says no more than that there is no connection, by the text of the system below the agent:
MicroPython's with mbedTLS and lwIP, or CPython's. What modules' own stacks say is a number without such a meaning.
"""

import re

from simbond_agent import codes

_BY_CODE = {
    codes.HTTP_STATUS: "answer",
    codes.BAD_ANSWER: "answer",
    codes.BROKER_REFUSED: "answer",
    codes.MQTT_USER: "answer",
    codes.OWN_CA: "certificate",
}
_WITHOUT_A_CODE = ""  # an agent of before

# The first that matches; certificates before all else, since their texts are whole sentences. mbedTLS x509_crt.c has
# these; OpenSSL says the same in words of its own.
_OF_THE_SYSTEM = (
    ("certificate-date", r"validity has expired|starts in the future|certificate has expired|not yet valid"),
    ("certificate-name", r"does not match with the expected CN|[Hh]ostname mismatch|IP address mismatch"),
    ("certificate-untrusted", r"not correctly signed|self.signed certificate|unable to get (local )?issuer"),
    ("certificate", r"CERT|certificate"),
    # getaddrinfo: "[addrinfo error -2]", "[Errno -2]", on ESP32 "-202".
    ("name", r"addrinfo|\[Errno -[235]\]|^[^:]*: -20[0-9]\b|Name or service|name resolution"),
    ("refused", r"ECONNREFUSED|\[Errno 111\]|\[Errno 61\]|[Cc]onnection refused"),
)


def cause(code: str, detail: str) -> str:
    """One of the names above, or "" where the error says no more than that nobody was reached."""
    if code not in (codes.CONNECTION, _WITHOUT_A_CODE):
        return _BY_CODE.get(code, "")
    return next((name for name, pattern in _OF_THE_SYSTEM if re.search(pattern, detail)), "")
