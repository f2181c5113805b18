"""What an agent's error text says about the way to the verifier.

The texts are those of simbond_agent.uplink: MicroPython's with mbedTLS and lwIP, CPython's, and the modules' own codes,
which say nothing more than that it failed.
"""

import re

# The first that matches; certificates before all else, since their texts are whole sentences. mbedTLS x509_crt.c has
# these; OpenSSL says the same in words of its own.
_CAUSES = (
    ("certificate-date", r"validity has expired|starts in the future|certificate has expired|not yet valid"),
    ("certificate-name", r"does not match with the expected CN|[Hh]ostname mismatch|IP address mismatch"),
    ("certificate-untrusted", r"not correctly signed|self.signed certificate|unable to get (local )?issuer"),
    ("certificate", r"CERT|certificate"),
    # getaddrinfo: "[addrinfo error -2]", "[Errno -2]", on ESP32 "-202".
    ("name", r"addrinfo|\[Errno -[235]\]|^[^:]*: -20[0-9]\b|Name or service|name resolution"),
    ("refused", r"ECONNREFUSED|\[Errno 111\]|\[Errno 61\]|[Cc]onnection refused"),
    ("answer", r": HTTP \d|the broker refuses|set mqtt_user|no HTTP answer|not a result of the profile|cut short"),
)


def cause(detail: str) -> str:
    """One of the names above, or "" where the text says no more than that nobody was reached."""
    return next((name for name, pattern in _CAUSES if re.search(pattern, detail)), "")
