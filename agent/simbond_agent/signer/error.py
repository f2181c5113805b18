"""What every signer raises when what holds its key does not sign."""

from .. import codes


class SignerError(OSError):
    """There is no signature, or no key. The text says why and what to do."""

    code = codes.SIGNER
