"""IMEIs and cards of earlier work: what another manifest or another station's log names is not used again."""

from collections.abc import Iterator

from simbond_tools.i18n import _
from simbond_verifier import endorsement
from simbond_verifier.endorsement import BadEndorsement
from simbond_verifier.envelope import BadEvidence

from . import manifest
from .errors import FactoryError

_ENTRY = b"\xd2"  # the tag of COSE_Sign1; no text begins so


def identities(octets: bytes) -> list[tuple[str | None, str | None]]:
    """(IMEI, ICCID) of each unit in a log or a manifest. No signature is checked: what is forged only stops units.
    Raises FactoryError."""
    return list(_of_log(octets) if octets.startswith(_ENTRY) else manifest.read(octets).identities())


def _of_log(octets: bytes) -> Iterator[tuple[str | None, str | None]]:
    messages, rest = endorsement.split(octets)
    if rest and not endorsement.is_torn(rest):
        raise _unreadable(_("something else is behind it"))
    try:
        for message in messages:
            unit = endorsement.recall_unit(endorsement.read(message).request)
            yield unit.imei, unit.iccid
    except (BadEndorsement, BadEvidence) as e:
        raise _unreadable(str(e)) from None


def _unreadable(why: str) -> FactoryError:
    return FactoryError("seen", _("An earlier log cannot be read: {why}.").format(why=why))
