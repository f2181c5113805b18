"""The work orders in the technician's folder."""

from pathlib import Path

from simbond_tools.i18n import _
from simbond_verifier.work_orders import bundle as bundles
from simbond_verifier.work_orders.bundle import Bundle as Bundle
from simbond_verifier.work_orders.bundle import Kind as Kind
from simbond_verifier.work_orders.bundle import WorkOrder as WorkOrder
from simbond_verifier.work_orders.ticket import NotGenuine

from . import durable, pins
from .errors import BundleExpired, BundleForged, ClockWrong, FolderUnusable, NoBundle

FILE = "work-orders.cbor"
_SKEW_S = 300
"""Clocks of laptops are off by minutes; who sets one back by more wants something, or will be told."""


def open_bundle(folder: Path, now: float) -> Bundle:
    """The work orders, checked with the pinned keys. now: this machine's clock, seconds since the epoch. Raises
    NoBundle, BundleForged, BundleExpired, ClockWrong, FolderUnusable."""
    octets = _read(folder / FILE)
    try:
        found = bundles.read(octets, [key.point for key in pins.read(folder)])
    except NotGenuine:
        raise BundleForged(
            _(
                "The work orders in {folder} are not the verifier's. Fetch them again, and tell the office: a file was "
                "damaged, or somebody has been at this laptop."
            ).format(folder=folder)
        ) from None
    if now < found.issued - _SKEW_S:
        raise ClockWrong(
            _("This laptop's clock is wrong: it stands before the time at which the work orders were made. Set it.")
        )
    if now > found.expires:
        raise BundleExpired(
            _("The work orders have expired. Fetch new ones: 'simbond work-orders fetch' where there is a network.")
        )
    return found


def keep(folder: Path, octets: bytes) -> None:
    """Puts a bundle, which was checked, in the place of the one before. Raises FolderUnusable."""
    durable.write(folder / FILE, octets)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NoBundle(
            _("There are no work orders in {folder}; run 'simbond work-orders fetch' where there is a network.").format(
                folder=path.parent
            )
        ) from None
    except OSError as e:
        raise FolderUnusable(_("Cannot read {path}: {why}.").format(path=path, why=e.strerror or e)) from None
