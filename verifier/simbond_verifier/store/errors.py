"""What the store raises, and whose turn it is then."""


class StoreError(Exception):
    """The database cannot be used; the message says what to do."""


class AlreadyServed(StoreError):
    """Another verifier works on this database: each would carry out commands without knowing of the other's."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"Another 'simbond serve' works on {where}; stop it first, or start this one with --standby to take over "
            "when that one ends."
        )


class StoreBusy(Exception):
    """Too much work is waiting; try again after a moment. Nothing was written."""


class StoreUnavailable(Exception):
    """The database did not take the work (disk full, locked, gone). Nothing was written, save where the connection to
    a server broke while it committed: then nobody knows, and whoever repeats the work is told that it was done."""
