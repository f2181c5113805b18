"""A station's certificate: an X.509 certificate of a P-256 key, whose common name is the station's. Pure.

Who issued it does not matter: an operator registers it, and that is what makes it count. A station signs its own.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from .signing_key import PublicKey

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_FORM = "1 to 64 letters, digits, dots, dashes or underscores"
MOST_DAYS = 1100
"""Of validity: a little more than three years."""
_SKEW = timedelta(minutes=5)


class InvalidCertificate(ValueError):
    """What was given cannot be a station's certificate; the message says why."""


class Certificate(NamedTuple):
    """What counts of a certificate. Times are seconds since the epoch."""

    name: str
    point: bytes
    """Uncompressed, 65 octets."""
    der: bytes
    not_before: float
    not_after: float

    @property
    def kid(self) -> bytes:
        return PublicKey(self.point).kid


def issue(key: EllipticCurvePrivateKey, name: str, *, at: float, days: int) -> bytes:
    """A certificate that a station signs for itself, PEM. Raises InvalidCertificate."""
    if not NAME.fullmatch(name):
        raise InvalidCertificate(f"'{name}' is no name for a station: {NAME_FORM}")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidCertificate(f"a station's certificate is valid for 1 to {MOST_DAYS} days")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    since = datetime.fromtimestamp(at, UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(since - _SKEW)
        .not_valid_after(since + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def read(pem: bytes) -> Certificate:
    """Reads a certificate in PEM. Raises InvalidCertificate."""
    try:
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    except ValueError as e:
        raise InvalidCertificate(f"no X.509 certificate in PEM ({e})") from None
    return read_der(der)


def read_der(der: bytes) -> Certificate:
    """Reads a certificate in DER. Raises InvalidCertificate."""
    try:
        found = x509.load_der_x509_certificate(der)
        key = found.public_key()
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        since, until = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
        if found.issuer == found.subject:
            found.verify_directly_issued_by(found)
    except InvalidSignature:
        raise InvalidCertificate("it was altered: its own key did not sign it") from None
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise InvalidCertificate(f"no X.509 certificate ({e})") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise InvalidCertificate("its key is no P-256 key")
    name = str(names[0].value) if len(names) == 1 else ""
    if not NAME.fullmatch(name):
        raise InvalidCertificate(f"its common name is no station's: {NAME_FORM}")
    if until - since > (MOST_DAYS + 1) * 86400:
        raise InvalidCertificate(f"it is valid for more than {MOST_DAYS} days")
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return Certificate(name, point, der, since, until)
