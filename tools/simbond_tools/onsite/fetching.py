"""Fetches a technician's work orders, and learns the verifier's keys or sees to it that they are the same."""

import base64
from pathlib import Path
from typing import NamedTuple

from simbond_tools.client import Api, Unreachable
from simbond_tools.i18n import _
from simbond_verifier.ledger import cbor, cose
from simbond_verifier.signing_key import KID, PublicKey
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders.bundle import Bundle
from simbond_verifier.work_orders.ticket import NotGenuine

from . import pins
from .bundle import keep
from .errors import BundleForged, NoBundle, VerifierChanged

HOURS = 24
"""How long work orders may be checked with, unless somebody says otherwise."""

_JWKS = "/.well-known/jwks.json"


class Fetched(NamedTuple):
    """Work orders that are in the folder now."""

    bundle: Bundle
    signer: PublicKey
    learnt: bool
    """The key was not known before: it is pinned from now on."""


def fetch(folder: Path, api: Api, hours: int = HOURS, accepted: bytes | None = None) -> Fetched:
    """Puts the newest work orders into the folder. accepted: the key id of a new key of the verifier, which the office
    has confirmed. Raises VerifierChanged before anything is written where the verifier's key is not the pinned one;
    BundleForged, FolderUnusable; Unreachable, ApiProblem."""
    octets = b"".join(api.download("/v1/work-orders/bundle", hours=hours))
    kid = _signer(octets)
    published = {key.kid: key for key in _published(api)}
    known = _pinned(folder)
    pinned = {key.kid for key in known}
    if (pinned or accepted is not None) and kid not in pinned | {accepted}:
        raise VerifierChanged(
            _(
                "The verifier signs with another key than before ({kid}). Ask the office: is this key in its "
                "'simbond signing-key list'? Then fetch with --accept-key {kid}. Nothing was changed."
            ).format(kid=kid.hex())
        )
    if kid not in published:
        raise BundleForged(_("The work orders are signed with a key that the verifier does not publish; fetch again."))
    try:
        bundle = bundles.read(octets, [published[kid].point])
    except NotGenuine:
        raise BundleForged(_("What was fetched is no bundle of work orders; check --url.")) from None
    # One that the verifier has withdrawn is trusted no longer.
    still = tuple(key for key in known if key.kid in published and key.kid != kid)
    pins.write(folder, (published[kid], *still))
    keep(folder, octets)
    return Fetched(bundle, published[kid], learnt=kid not in pinned)


def _pinned(folder: Path) -> tuple[PublicKey, ...]:
    try:
        return pins.read(folder)
    except NoBundle:
        return ()


def _signer(octets: bytes) -> bytes:
    try:
        kid = cose.read(octets).protected.get(KID)
    except cbor.Malformed:
        kid = None
    if not isinstance(kid, bytes):
        raise BundleForged(_("What was fetched is no bundle of work orders; check --url."))
    return kid


def _published(api: Api) -> list[PublicKey]:
    try:
        return [PublicKey(b"\x04" + _octets(key["x"]) + _octets(key["y"])) for key in api.get(_JWKS)["keys"]]
    except (KeyError, TypeError, ValueError):
        raise Unreachable(f"{api.url} publishes no keys as a verifier does; check --url.") from None


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
