"""Public keys as people give them: a point in hex, or a PEM file."""

from collections.abc import Callable
from typing import Any

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from simbond_verifier.p256 import decompress

from .common import read_input

METAVAR = "POINT_HEX|@PEM_FILE"


def point(text: str) -> bytes:
    """The uncompressed point of a P-256 key, 65 octets. Raises ValueError when it is none."""
    return decompress(bytes.fromhex(text))


def pem(point: bytes) -> str:
    """The same key in PEM (SubjectPublicKeyInfo), as --key and openssl read it."""
    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def from_option(_context: click.Context, _option: click.Parameter, value: str | None) -> bytes | None:
    """The callback of an option that takes METAVAR."""
    if value is None:
        return None
    try:
        return _point(load_pem_public_key(read_input(value[1:]))) if value.startswith("@") else point(value)
    except (ValueError, UnsupportedAlgorithm):
        raise click.BadParameter("no P-256 public key: give a point in hex, or @FILE with a PEM public key") from None


def verifiers_key_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --key for the verifier's own key; the command gets `points`, one or more."""
    return click.option(
        "--key",
        "points",
        metavar=METAVAR,
        required=True,
        multiple=True,
        callback=_from_options,
        help="The verifier's public key, from somebody you trust; again for an older one.",
    )(command)


def _from_options(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[bytes | None, ...]:
    return tuple(from_option(context, option, value) for value in values)


def _point(key: PublicKeyTypes) -> bytes:
    if not (isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)):
        raise ValueError  # noqa: TRY004 - what is wrong is the key that was typed in, not the program
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
