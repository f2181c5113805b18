"""Findings in words, with the next step."""

from simbond_tools.i18n import N_, _
from simbond_verifier.work_orders.finding import Finding

_WORDS = {
    Finding.CONFIRMED: (
        N_("Bond confirmed: this device holds this card, and signed so."),
        "",
    ),
    Finding.OTHER_CARD: (
        N_("Another card is in the device."),
        N_("Look for the right card, and tell the office which one was there."),
    ),
    Finding.OTHER_DEVICE: (
        N_("This is another device: it signs with another device's key."),
        N_("Look for the right device, and tell the office which one was there."),
    ),
    Finding.KEY_UNKNOWN: (
        N_("This is another device: it signs with a key that your work orders do not know."),
        N_(
            "Look for the right device. If this is the one, and it changed its key since you fetched them, the "
            "verifier knows it: upload the result."
        ),
    ),
    Finding.IMEI_DIFFERS: (
        N_("The device's own key signed, but its modem states another IMEI."),
        N_("Somebody changed the module or its IMEI. Tell the office."),
    ),
    Finding.IMEI_UNREADABLE: (
        N_("The device's own key signed, but its modem states no IMEI."),
        N_("Run 'simbond doctor', then check again."),
    ),
    Finding.TRAY_EMPTY: (
        N_("There is no card in the device."),
        N_("Put the card in and check again, or tell the office that it is gone."),
    ),
    Finding.CARD_UNREADABLE: (
        N_("The device cannot read its card."),
        N_("Run 'simbond doctor', then check again."),
    ),
    Finding.KEY_REVOKED: (
        N_("The key of this device is revoked: whatever it signs counts for nothing."),
        N_("Leave everything as it is, and tell the office."),
    ),
    Finding.EXPIRED: (
        N_("Too late: the work order had expired when this was signed, or uploaded."),
        N_("Fetch your work orders again and repeat the check."),
    ),
    Finding.OLDER: (
        N_("The device's counters are behind what the verifier has seen: this may be a copy of the key."),
        N_("Leave everything as it is, and tell the office."),
    ),
    Finding.SIGNATURE_BAD: (
        N_("The signature is bad: this was not signed with the key that it names."),
        N_("Check again. If it stays so, tell the office."),
    ),
    Finding.CHALLENGE_WRONG: (
        N_("This answers another challenge than that of the work order: it was recorded at another time."),
        N_("Check again. If it stays so, tell the office."),
    ),
    Finding.EVIDENCE_BAD: (
        N_("The device's answer cannot be read."),
        N_("Check again. If it stays so, the agent on the device may be of another version."),
    ),
    Finding.FORGED: (
        N_("The work order in it is none of the verifier's: it proves nothing."),
        N_("Do not trust whoever showed you this."),
    ),
}


def said(finding: Finding) -> str:
    """What was found, in a sentence."""
    return _(_WORDS[finding][0])


def then(finding: Finding) -> str:
    """What to do next; empty where nothing is."""
    return _(_WORDS[finding][1])
