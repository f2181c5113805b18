"""What goes wrong with the technician's folder: a code for machines, and a sentence that says what to do next."""


class OnSiteError(Exception):
    """code: stable, for machines (docs/work-orders.md). str() is the sentence."""

    code = "folder"


class FolderUnusable(OnSiteError):
    """The folder, or a file in it, cannot be read or written."""


class NoBundle(OnSiteError):
    """No work orders were fetched."""

    code = "no-work-orders"


class BundleForged(OnSiteError):
    """The bundle is not what a verifier signed whose keys are pinned."""

    code = "work-orders-forged"


class BundleExpired(OnSiteError):
    """By this machine's clock."""

    code = "work-orders-expired"


class ClockWrong(OnSiteError):
    """This machine's clock stands before the time at which the bundle was made."""

    code = "clock-wrong"


class VerifierChanged(OnSiteError):
    """The verifier signs with a key that is not pinned."""

    code = "verifier-key-changed"


class NotInOrders(OnSiteError):
    """The device on the cable, or the number, is in none of the work orders."""

    code = "not-in-orders"
