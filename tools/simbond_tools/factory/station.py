"""A station: its folder with key, certificate and log, and what it vouches for."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from simbond_tools.closing import Closing
from simbond_tools.i18n import _
from simbond_verifier import disk, endorsement
from simbond_verifier import station as certificates
from simbond_verifier.endorsement import Entry, Unit
from simbond_verifier.envelope import BadEvidence
from simbond_verifier.signing_key import SigningKey
from simbond_verifier.station import Certificate

from . import lock
from .errors import FactoryError, Stop
from .log import StationLog

KEY, CERTIFICATE, LOG, LOCK = "station.key", "station.crt", "station.log", "station.lock"
_BACKWARDS_S = 300


class Endorsed(NamedTuple):
    """A unit that this station vouched for, as its log has it. new: just now."""

    unit: Unit
    seq: int
    order: str
    label: str
    new: bool = False

    @property
    def where(self) -> str:
        return _("entry {number} of this station").format(number=self.seq)


class Elsewhere(NamedTuple):
    """An IMEI or a card that is used elsewhere. where: in words."""

    where: str


def create(folder: Path, name: str, *, days: int = 365, passphrase: str | None = None) -> Certificate:
    """Makes a station: a folder with a new key, for its owner alone, and a certificate for an operator to register.
    Raises FactoryError."""
    if (folder / KEY).exists():
        raise FactoryError(
            "station-exists",
            _("There is a station in {folder} already; choose another folder.").format(folder=folder),
        )
    key = generate_private_key(SECP256R1())
    how: KeySerializationEncryption = NoEncryption()
    if passphrase:
        how = BestAvailableEncryption(passphrase.encode())
    try:
        certificate = certificates.issue(key, name, at=time.time(), days=days)
        disk.write(folder / LOG, b"")  # never made by opening it: a log that is gone is no new one
        disk.write(folder / CERTIFICATE, certificate)
        disk.write(folder / KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    except certificates.InvalidCertificate as e:
        raise FactoryError("station-name", f"{e}.") from None
    except OSError as e:
        raise FactoryError(
            "folder", _("Cannot write {path}: {why}.").format(path=folder, why=e.strerror or e)
        ) from None
    return certificates.read(certificate)


def read_request(request: bytes) -> Unit:
    """The unit whose enrolment request this is. Raises Stop."""
    try:
        return endorsement.read_unit(request)
    except BadEvidence as e:
        raise Stop("request", _("Its enrolment request is refused ({reason}).").format(reason=e.reason)) from None


class Station(Closing):
    """A station at work; use it by `with`. What it endorses is on the disk when endorse() returns. Several threads may
    share it.

    torn: octets of an entry that a power cut kept from being finished: its unit comes again. Raises FactoryError.
    """

    def __init__(self, folder: Path, *, passphrase: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._turn = threading.RLock()
        self._key = SigningKey(_read_key(folder / KEY, passphrase))
        try:
            self.certificate = certificates.read((folder / CERTIFICATE).read_bytes())
        except (OSError, certificates.InvalidCertificate) as e:
            raise FactoryError(
                "station-certificate", _("{path} cannot be used: {why}.").format(path=folder / CERTIFICATE, why=e)
            ) from None
        if self.certificate.point != self._key.public.point:
            raise FactoryError(
                "station-certificate", _("The certificate in {folder} is for another key.").format(folder=folder)
            )
        self._kids: dict[bytes, Endorsed] = {}
        self._imeis: dict[str, Endorsed | Elsewhere] = {}
        self._iccids: dict[str, Endorsed | Elsewhere] = {}
        self._lock = lock.hold(folder / LOCK)
        begin = endorsement.start(self.certificate.der)
        try:
            self._log = StationLog(folder / LOG, begin, self.certificate.point, self._recall)
        except BaseException:
            self._lock.close()
            raise
        self.torn = self._log.torn

    @property
    def name(self) -> str:
        return self.certificate.name

    def __len__(self) -> int:
        """Entries of its log."""
        return self._log.last.seq

    def has_card(self, iccid: str) -> bool:
        """Whether it vouched for a unit with this card."""
        return isinstance(self._iccids.get(iccid), Endorsed)

    def also_seen(self, units: Iterable[tuple[str | None, str | None]], where: str) -> None:
        """Has IMEIs (14 digits) and ICCIDs count as used elsewhere. where: in words, for whoever reads the refusal."""
        elsewhere = Elsewhere(where)
        for imei, iccid in units:
            if imei is not None:
                self._imeis.setdefault(imei, elsewhere)
            if iccid is not None:
                self._iccids.setdefault(iccid, elsewhere)

    def endorse(self, request: bytes, *, imei2: str | None = None, order: str = "", label: str = "") -> Endorsed:
        """Vouches for a unit, whose enrolment request this is; one that is in the log already is not put there again.

        imei2: 14 digits. Raises Stop where the unit cannot be vouched for, FactoryError where the station cannot.
        """
        unit = read_request(request)
        with self._turn:
            known = self._find(unit)
            if known is not None:
                return known
            at = self._time(self._log.last.at)
            try:
                message = endorsement.endorse(
                    self._key,
                    self._log.last,
                    station=self.name,
                    at=at,
                    request=request,
                    imei2=imei2,
                    order=order,
                    label=label,
                )
            except ValueError as e:
                raise Stop("label", _("Order or label cannot be used: {why}.").format(why=e)) from None
            entry = self._log.append(message)
            return self._remember(Endorsed(unit, entry.seq, order, label, new=True))

    def _find(self, unit: Unit) -> Endorsed | None:
        """The entry about this very unit, if there is one. Raises Stop where its key, its IMEI or its card is another
        one's."""
        mine = self._kids.get(unit.kid)
        if mine is not None:
            if (mine.unit.imei, mine.unit.iccid) == (unit.imei, unit.iccid):
                return mine
            raise Stop(
                "key-known",
                _(
                    "This key is that of {where}, with IMEI {imei} and card {iccid}: the card was changed since, or "
                    "the key copied."
                ).format(where=mine.where, imei=mine.unit.imei, iccid=mine.unit.iccid or "-"),
            )
        if unit.imei in self._imeis:
            where = self._imeis[unit.imei].where
            raise Stop(
                "imei-duplicate", _("IMEI {imei} is that of {where} already.").format(imei=unit.imei, where=where)
            )
        if unit.iccid in self._iccids:
            where = self._iccids[unit.iccid].where
            raise Stop(
                "iccid-seen", _("Card {iccid} is that of {where} already.").format(iccid=unit.iccid, where=where)
            )
        return None

    def close(self) -> None:
        self._log.close()
        self._lock.close()

    def _time(self, last: int) -> int:
        now = int(self._clock())
        if now < last - _BACKWARDS_S:
            raise FactoryError(
                "clock", _("This machine's clock stands before the log's last entry; set it and start again.")
            )
        if not self.certificate.not_before <= now <= self.certificate.not_after:
            raise FactoryError(
                "station-expired",
                _(
                    "By this machine's clock the station's certificate is not valid; set the clock, or make a new "
                    "station: simbond stations create."
                ),
            )
        return max(now, last)

    def _recall(self, entry: Entry) -> None:
        unit = endorsement.recall_unit(entry.request)
        self._remember(Endorsed(unit, entry.seq, entry.order, entry.label))

    def _remember(self, endorsed: Endorsed) -> Endorsed:
        unit = endorsed.unit
        self._kids[unit.kid] = endorsed._replace(new=False)
        if unit.imei is not None:
            self._imeis[unit.imei] = endorsed
        if unit.iccid is not None:
            self._iccids[unit.iccid] = endorsed
        return endorsed


def _read_key(path: Path, passphrase: str | None) -> EllipticCurvePrivateKey:
    try:
        pem = path.read_bytes()
    except OSError as e:
        raise FactoryError(
            "no-station",
            _("There is no station in {folder} ({why}); make one: simbond stations create.").format(
                folder=path.parent, why=e.strerror or e
            ),
        ) from None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise FactoryError("key-exposed", _("Others may read {path}; run: chmod 600 {path}").format(path=path))
    try:
        key = load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except TypeError:
        if passphrase:
            return _read_key(path, None)  # it needs none
        raise FactoryError("passphrase", _("The station's key needs its passphrase.")) from None
    except (ValueError, UnsupportedAlgorithm):
        raise FactoryError(
            "passphrase", _("The passphrase is wrong, or {path} is no private key.").format(path=path)
        ) from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise FactoryError("station-key", _("{path} is no P-256 key.").format(path=path))
    return key
