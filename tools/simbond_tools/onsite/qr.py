"""A result as a QR code."""

import segno

from simbond_verifier.work_orders.proof import Proof, to_text, without_statement


def code(proof: Proof) -> segno.QRCode:
    """The smallest one: a usual result takes 73 columns and 37 rows of a terminal."""
    return segno.make_qr(to_text(without_statement(proof)), error="l", boost_error=False)
