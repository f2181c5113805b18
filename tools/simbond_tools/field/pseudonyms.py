"""Other identities in the place of those in a transcript: of the same length and kind, with right check digits.

What tells card or module apart becomes a number that is counted up, so that it is seen to be invented; what many share
(the issuer in an ICCID, the network in an IMSI, the model in an IMEI) stays. One identity has one pseudonym in a file,
however it is written there.
"""

from collections.abc import Callable

from simbond_tools.check_digit import luhn_digit

_ICCID_KEPT = 6  # 89, country, issuer (ITU-T E.118)
_ICCID_BODY = 18  # some modules leave out the last of 20 digits
_IMSI_KEPT = 5  # MCC and MNC (TS 23.003 clause 2.2); the third digit of a longer MNC goes
_IMEI_KEPT = 8  # TAC (TS 23.003 clause 6.2)
_IMEI_BODY = 14
_EID_KEPT = 5  # 89 and country (GSMA SGP.29)
_PHONE_MAX = 15  # ITU-T E.164


class Pseudonyms:
    """Pseudonyms for one file. personal: of the identities that were met, the digits that must not be in it, in both
    orders in which they are written.
    """

    def __init__(self) -> None:
        self.personal: set[str] = set()
        self._known: dict[str, dict[str, str]] = {}

    def iccid(self, digits: str) -> str:
        """digits: 18 to 20 beginning with 89, in the order in which they are printed."""

        def made(body: str, number: int) -> str:
            return body[:_ICCID_KEPT] + str(number).zfill(_ICCID_BODY - _ICCID_KEPT)

        new = self._pseudonym("iccid", digits[:_ICCID_BODY], made)
        self._hide(digits, _ICCID_KEPT)
        while len(new) < len(digits):
            new += luhn_digit(new)
        return new

    def imei(self, digits: str) -> str:
        """digits: 14 (without check digit), 15, or 16 (IMEISV, whose last two are the software's)."""

        def made(body: str, number: int) -> str:
            return body[:_IMEI_KEPT] + str(number).zfill(_IMEI_BODY - _IMEI_KEPT)

        new = self._pseudonym("imei", digits[:_IMEI_BODY], made)
        self._hide(digits[:15], _IMEI_KEPT)
        return new + {14: "", 15: luhn_digit(new)}.get(len(digits), digits[_IMEI_BODY:])

    def imsi(self, digits: str) -> str:
        """digits: 15."""

        def made(body: str, number: int) -> str:
            return body[:_IMSI_KEPT] + str(number).zfill(len(body) - _IMSI_KEPT)

        self._hide(digits, _IMSI_KEPT)
        return self._pseudonym("imsi", digits, made)

    def eid(self, digits: str) -> str:
        """digits: 32; the last two make the number 1 modulo 97 (GSMA SGP.29)."""

        def made(body: str, number: int) -> str:
            new = body[:_EID_KEPT] + str(number).zfill(30 - _EID_KEPT)
            return new + f"{98 - int(new + '00') % 97:02}"

        self._hide(digits, _EID_KEPT)
        return self._pseudonym("eid", digits, made)

    def other(self, text: str) -> str:
        """Any number, or hexadecimal octets, of which nothing is kept but the length."""
        if text.isdecimal() and len(text) <= _PHONE_MAX:
            self._hide(text, 0)
        return self._pseudonym("other", text, lambda text, number: str(number).zfill(len(text))[-len(text) :])

    def _hide(self, digits: str, kept: int) -> None:
        swapped = "".join(digits[i : i + 2][::-1] for i in range(0, len(digits), 2))
        self.personal.update((digits[kept:], swapped[kept:]))

    def _pseudonym(self, kind: str, known_by: str, make: Callable[[str, int], str]) -> str:
        of_kind = self._known.setdefault(kind, {})
        if known_by not in of_kind:
            of_kind[known_by] = make(known_by, len(of_kind) + 1)
        return of_kind[known_by]
