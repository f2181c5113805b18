"""Every verdict: its code, exit status, words and the next step. docs/doctor.md is made from this table.

They stand in the order of causes: what stands first explains what stands below it. A card without its PIN is not
registered either, and a device that is not registered reaches no server; the PIN is what to see to.
"""

from enum import StrEnum
from typing import NamedTuple

from simbond_tools.i18n import N_


class Severity(StrEnum):
    """stop: the device does not do its work. warning: it does, and something is to be seen to. note: worth knowing, and
    never the verdict. well: nothing is to be done."""

    STOP = "stop"
    WARNING = "warning"
    NOTE = "note"
    WELL = "well"


class Verdict(NamedTuple):
    """code and status (the exit status) are stable. words and step are "
    "sentences with {placeholders}, to be translated."""

    code: str
    status: int
    severity: Severity
    words: str
    step: str


_STOP, _WARNING, _NOTE, _WELL = Severity

VERDICTS = (
    # --- the cable ---
    Verdict(
        "no-port",
        10,
        _STOP,
        N_("There is no serial port: no cable, or no power on the device."),
        N_(
            "Plug the USB cable in, switch the device on, and run 'simbond "
            "doctor' again. Try another cable: some only charge."
        ),
    ),
    Verdict(
        "port-busy",
        11,
        _STOP,
        N_("The port {port} is used by {program}."),
        N_("Close the terminal program, IDE or modem manager that has it open, and run 'simbond doctor' again."),
    ),
    Verdict(
        "port-not-allowed",
        12,
        _STOP,
        N_("This user may not open the port {port}."),
        N_(
            "Have yourself added to the group that owns the port (on Linux: sudo "
            "usermod -a -G dialout $USER), and log in again."
        ),
    ),
    Verdict(
        "port-unusable",
        13,
        _STOP,
        N_("The port {port} cannot be used."),
        N_("Leave --port out to have the port looked for, or name another one."),
    ),
    Verdict(
        "unplugged",
        14,
        _STOP,
        N_("The device went away in the middle of it."),
        N_("Hold the cable still, check the device's power, and run 'simbond doctor' again."),
    ),
    Verdict(
        "silent",
        15,
        _STOP,
        N_("Nothing answers on the port."),
        N_(
            "Check the device's power, and that TX and RX are not swapped. Try its "
            "other ports by --port, another speed by --baud."
        ),
    ),
    # --- the agent ---
    Verdict(
        "key-damaged",
        20,
        _STOP,
        N_("The agent has not started: the device's key or boot counter is damaged or gone."),
        N_(
            "Nothing was overwritten. Remove the agent's directory, which it names, from the board, restart it, and "
            "enrol the device anew ('simbond devices enrol')."
        ),
    ),
    Verdict(
        "agent-setup",
        21,
        _STOP,
        N_("The agent has not started: the board is set up wrongly."),
        N_(
            "Correct what the agent names in the board file (agent/README.md), "
            "or have the board flashed anew: 'simbond flash'."
        ),
    ),
    Verdict(
        "agent-stopped",
        22,
        _STOP,
        N_("The agent is not running: the board waits at the MicroPython prompt."),
        N_("Run 'simbond doctor --restart'. It restarts the board, and tells why the agent does not start."),
    ),
    Verdict(
        "agent-mute",
        23,
        _STOP,
        N_("The agent runs and takes no questions."),
        N_(
            "The board has no part 'console', or this cable carries only its output. "
            "Run 'simbond doctor' on the modem's port instead."
        ),
    ),
    Verdict(
        "modem-silent",
        24,
        _STOP,
        N_("The agent runs, and the modem does not answer it."),
        N_("Switch the device off and on. If that does not help, check the modem's power and its wires (TX, RX)."),
    ),
    Verdict(
        "agent-failing",
        25,
        _STOP,
        N_("The agent runs and fails at its work."),
        N_(
            "Switch the device off and on. If it happens again, send "
            "'simbond doctor --json' to who maintains the device."
        ),
    ),
    # --- the card, as the modem sees it ---
    Verdict(
        "radio-off",
        30,
        _STOP,
        N_("The modem's radio is switched off (flight mode)."),
        N_(
            "Switch the device off and on. If it stays so, the device's program switches it off: tell who maintains it."
        ),
    ),
    Verdict(
        "no-sim",
        31,
        _STOP,
        N_("There is no SIM card in the device."),
        N_("Put the card in until it clicks, contacts down. If one is in: clean its contacts, and check the tray."),
    ),
    Verdict(
        "sim-puk",
        32,
        _STOP,
        N_("The SIM card is locked: a wrong PIN was entered three times, and it asks for its PUK."),
        N_("Do not guess: ten wrong PUKs destroy the card. Ask the operator for the PUK, or for another card."),
    ),
    Verdict(
        "sim-pin",
        33,
        _STOP,
        N_("The SIM card asks for its PIN."),
        N_("Have the PIN switched off by the operator, or in a phone. Do not guess: three wrong PINs lock the card."),
    ),
    Verdict(
        "module-locked",
        34,
        _STOP,
        N_("The module is locked to another card or network."),
        N_("Put the card in that the module was sold with, or have the maker unlock the module."),
    ),
    Verdict(
        "sim-failure",
        35,
        _STOP,
        N_("The SIM card is there and cannot be read."),
        N_(
            "Take it out, clean its contacts, put it in again. If it fails in another device too, ask for another card."
        ),
    ),
    Verdict(
        "sim-busy",
        36,
        _STOP,
        N_("The modem is still starting the SIM card."),
        N_("Wait a minute and run 'simbond doctor' again. If it stays so, switch the device off and on."),
    ),
    Verdict(
        "card-unreadable",
        37,
        _STOP,
        N_("The modem does not tell the card's number (ICCID)."),
        N_("Switch the device off and on. If it stays so, try another card, then another module."),
    ),
    Verdict(
        "imei-unreadable",
        38,
        _STOP,
        N_("The modem does not tell its own number (IMEI)."),
        N_("Have the module replaced: one without an IMEI may not be used."),
    ),
    # --- the bond: what the verifier knows ---
    Verdict(
        "wrong-card",
        40,
        _STOP,
        N_("This is the wrong card: {iccid} is not the one that belongs in this device."),
        N_("Put in the card that belongs here. If the change is meant, have it approved first ('simbond cards swap')."),
    ),
    Verdict(
        "wrong-device",
        41,
        _STOP,
        N_("This is the wrong device: the card {iccid} belongs in another one."),
        N_("Put the card back into its device. If the change is meant, have it approved first ('simbond cards swap')."),
    ),
    Verdict(
        "wrong-imei",
        42,
        _STOP,
        N_("The module states another IMEI ({imei}) than the one that was enrolled."),
        N_("If the module was replaced, have the device enrolled anew. If not, its IMEI was rewritten: report it."),
    ),
    Verdict(
        "key-revoked",
        43,
        _STOP,
        N_("The key of this device was revoked: the verifier believes nothing that it says."),
        N_("Ask who operates the verifier why. To go on, the device takes a new key and is enrolled anew."),
    ),
    Verdict(
        "not-enrolled",
        44,
        _STOP,
        N_("The verifier does not know this device."),
        N_("Enrol it: 'simbond doctor --enrolment key.req', then 'simbond devices enrol --request @key.req'."),
    ),
    Verdict(
        "key-cloned",
        45,
        _STOP,
        N_("Two devices use this device's key."),
        N_("Leave it as it is and report it: one of the two is a copy."),
    ),
    Verdict(
        "card-unknown",
        46,
        _STOP,
        N_("The verifier does not know the card {iccid}."),
        N_("Check that it is the right card for this device. If it is, have it imported ('simbond cards import')."),
    ),
    Verdict(
        "card-retired",
        47,
        _STOP,
        N_("The card {iccid} was retired; it will not work again."),
        N_("Ask for another card."),
    ),
    Verdict(
        "card-suspended",
        48,
        _STOP,
        N_("The card {iccid} is suspended."),
        N_(
            "See to the reason above. With the card in its own device, working "
            "Evidence lifts the suspension; else ask the operator."
        ),
    ),
    Verdict(
        "card-held",
        49,
        _STOP,
        N_("The card {iccid} is suspended by a person; only a person lifts that."),
        N_("Ask the operator, and name the card. Nothing at the device can change it."),
    ),
    Verdict(
        "card-not-bound",
        50,
        _STOP,
        N_("The card {iccid} is bound to no device yet."),
        N_("Have it bound to this device: 'simbond cards bind {iccid} --device {kid}'."),
    ),
    Verdict(
        "contraindicated",
        51,
        _STOP,
        N_("The verifier rejects what the device says."),
        N_("See to the reasons above; ask who operates the verifier where they are not clear."),
    ),
    # --- the network ---
    Verdict(
        "registration-denied",
        60,
        _STOP,
        N_("The network refuses the card."),
        N_(
            "The card is barred, not activated, or not meant for this network. "
            "Ask the operator, and name the card {iccid}."
        ),
    ),
    Verdict(
        "no-coverage",
        61,
        _STOP,
        N_("There is no network here: the modem hears no cell."),
        N_(
            "Check that the antenna is screwed on; move it, or the device. Look "
            "whether a phone of the same network has coverage."
        ),
    ),
    Verdict(
        "searching",
        62,
        _STOP,
        N_("The modem hears a network, and is not registered yet."),
        N_(
            "Wait two minutes and run 'simbond doctor' again. If it stays so: is the card activated, is the antenna on?"
        ),
    ),
    Verdict(
        "outside-scenario",
        63,
        _STOP,
        N_("The device is in a network or an area in which its card may not be used ({plmn})."),
        N_("Take it back to where it belongs, or ask the operator to change the card's scenario."),
    ),
    # --- the server ---
    Verdict(
        "clock-wrong",
        70,
        _STOP,
        N_("The device's clock is wrong by {days} days, so that it trusts no certificate."),
        N_(
            "Have the board's clock set (set_time and the part network_time in the board file), or set it, and restart."
        ),
    ),
    Verdict(
        "server-name",
        71,
        _STOP,
        N_("The device finds no address for the verifier {url}."),
        N_("Check url in the board file, and that the card's data connection (APN) has a name server."),
    ),
    Verdict(
        "server-refused",
        72,
        _STOP,
        N_("Nothing listens at the verifier's address {url}."),
        N_("Ask who operates the verifier whether it runs; check host and port of url in the board file."),
    ),
    Verdict(
        "certificate-untrusted",
        73,
        _STOP,
        N_("The verifier's certificate is not by the authority (ca) that the device trusts."),
        N_("Put the right ca on the board. If that is the right one, somebody stands in between: report it."),
    ),
    Verdict(
        "certificate-name",
        74,
        _STOP,
        N_("The verifier's certificate is for another name than that in {url}."),
        N_(
            "Write the name for which the certificate was made into url of the "
            "board file, or have the certificate made anew."
        ),
    ),
    Verdict(
        "certificate-date",
        75,
        _STOP,
        N_("The verifier's certificate has run out, or is not valid yet."),
        N_("Tell who operates the verifier. If it is valid today, the device's clock is wrong: set it."),
    ),
    Verdict(
        "certificate-refused",
        76,
        _STOP,
        N_("The device does not accept the verifier's certificate."),
        N_("Check ca and url in the board file, and the device's clock."),
    ),
    Verdict(
        "server-answer",
        77,
        _STOP,
        N_("What answers at {url} does not answer as the verifier does."),
        N_("Check url (host, port, path) in the board file; for MQTT also the user name at the broker."),
    ),
    Verdict(
        "server-unreachable",
        78,
        _STOP,
        N_("The device does not reach the verifier {url}."),
        N_("Check that the card has data and the right APN. Ask who operates the verifier whether it can be reached."),
    ),
    # --- it works, but ---
    Verdict(
        "weak-signal",
        80,
        _WARNING,
        N_("The signal is weak ({level} dBm): the device may fall silent."),
        N_("Move the antenna, or take a better one. More than {limit} dBm is enough."),
    ),
    Verdict(
        "warned",
        81,
        _WARNING,
        N_("The verifier has a warning about this card or device."),
        N_("See to the reasons above, before it suspends the card."),
    ),
    Verdict(
        "reverifying",
        82,
        _WARNING,
        N_("The card {iccid} is let in to be verified again."),
        N_("Leave it in its device, switched on, until that has attested; then run 'simbond doctor' again."),
    ),
    Verdict(
        "not-attested",
        83,
        _WARNING,
        N_("The agent has not reported to the verifier since it started."),
        N_("Wait a minute and run 'simbond doctor' again."),
    ),
    Verdict(
        "agent-unseen",
        84,
        _WARNING,
        N_("This is the modem's port: whether the agent works, it does not tell."),
        N_("Connect the board's own console as well, or name its port by --port, and run 'simbond doctor' again."),
    ),
    Verdict(
        "roaming",
        85,
        _NOTE,
        N_("The device is in another network than its card's own ({plmn})."),
        N_("Nothing, if the card may be used here."),
    ),
    Verdict(
        "verifier-not-asked",
        86,
        _NOTE,
        N_("The verifier could not be asked from this computer about card and device."),
        N_("Try again with a network, or check --url and --token."),
    ),
    Verdict(
        "well",
        0,
        _WELL,
        N_("All is well: the verifier has confirmed card and device."),
        N_("Nothing is to be done."),
    ),
)

BY_CODE = {verdict.code: verdict for verdict in VERDICTS}
